// SPDX-FileCopyrightText: Contributors to the community.che collection
// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

const (
	provisionerName = "community.che/node-folder"

	// Set by the controller manager once a claim waits for this provisioner (for a class that
	// waits for the first consumer: once a pod that uses the claim has been scheduled).
	claimProvisioner  = "volume.kubernetes.io/storage-provisioner"
	volumeProvisioner = "pv.kubernetes.io/provisioned-by"
)

// volumeController gives each claim of its storage class a folder of the node, writable for
// every user: a hostPath volume ignores fsGroup, and the controller manager's own provisioner
// makes its folders root's alone, so that no pod of the `restricted` standard could write there.
// The usual library for provisioners would raise versions that Kubernetes pins for itself.
type volumeController struct {
	client kubernetes.Interface
	folder string
	node   string
	queue  workqueue.TypedRateLimitingInterface[string]
	claims cache.Indexer
	bound  cache.Indexer
}

func newVolumeProvisionerCommand() *cobra.Command {
	var kubeconfig, folder, node string
	command := &cobra.Command{
		Use:   "volume-provisioner",
		Short: "Serves claims of the storage provisioner " + provisionerName + " with folders of this node",
		RunE: func(command *cobra.Command, _ []string) error {
			config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
			if err != nil {
				return err
			}
			client, err := kubernetes.NewForConfig(config)
			if err != nil {
				return err
			}
			return newVolumeController(client, folder, node).run(command.Context())
		},
	}
	command.Flags().StringVar(&kubeconfig, "kubeconfig", "", "how to reach the API server")
	command.Flags().StringVar(&folder, "folder", "", "absolute path that the volumes' folders are made in")
	command.Flags().StringVar(&node, "node", "", "name of the node that the folder is on")
	for _, required := range []string{"kubeconfig", "folder", "node"} {
		if err := command.MarkFlagRequired(required); err != nil {
			panic(err)
		}
	}
	return command
}

func newVolumeController(client kubernetes.Interface, folder, node string) *volumeController {
	return &volumeController{
		client: client, folder: folder, node: node,
		queue: workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]()),
	}
}

func (c *volumeController) run(ctx context.Context) error {
	if ctx == nil {
		ctx = context.Background()
	}
	factory := informers.NewSharedInformerFactory(c.client, time.Minute)
	claims := factory.Core().V1().PersistentVolumeClaims().Informer()
	volumes := factory.Core().V1().PersistentVolumes().Informer()
	c.claims, c.bound = claims.GetIndexer(), volumes.GetIndexer()
	for _, informer := range []cache.SharedIndexInformer{claims, volumes} {
		if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    c.enqueue,
			UpdateFunc: func(_, changed any) { c.enqueue(changed) },
		}); err != nil {
			return err
		}
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	for c.handleNext(ctx) {
	}
	return nil
}

// enqueue puts claims in as "namespace/name", volumes as "name".
func (c *volumeController) enqueue(object any) {
	key, err := cache.MetaNamespaceKeyFunc(object)
	if err != nil {
		klog.ErrorS(err, "an object without a name")
		return
	}
	c.queue.Add(key)
}

func (c *volumeController) handleNext(ctx context.Context) bool {
	key, shutdown := c.queue.Get()
	if shutdown {
		return false
	}
	defer c.queue.Done(key)
	if err := c.reconcile(ctx, key); err != nil {
		klog.ErrorS(err, "will be tried again", "object", key)
		c.queue.AddRateLimited(key)
		return true
	}
	c.queue.Forget(key)
	return true
}

func (c *volumeController) reconcile(ctx context.Context, key string) error {
	if object, found, _ := c.claims.GetByKey(key); found {
		return c.provision(ctx, object.(*corev1.PersistentVolumeClaim))
	}
	if object, found, _ := c.bound.GetByKey(key); found {
		return c.reclaim(ctx, object.(*corev1.PersistentVolume))
	}
	return nil
}

func (c *volumeController) provision(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	waits := claim.Spec.VolumeName == "" && claim.DeletionTimestamp == nil
	if !waits || claim.Annotations[claimProvisioner] != provisionerName {
		return nil
	}
	class, err := c.client.StorageV1().StorageClasses().Get(ctx, *claim.Spec.StorageClassName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	volume := c.volumeFor(claim, *class.ReclaimPolicy)
	if err := makeWritableFolder(volume.Spec.Local.Path); err != nil {
		return err
	}
	_, err = c.client.CoreV1().PersistentVolumes().Create(ctx, volume, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	if err == nil {
		klog.InfoS("made", "volume", volume.Name, "claim", klog.KObj(claim))
	}
	return err
}

// reclaim removes a volume whose claim is gone. Its folder is found by the volume's name, never
// by the path that the object tells.
func (c *volumeController) reclaim(ctx context.Context, volume *corev1.PersistentVolume) error {
	released := volume.Status.Phase == corev1.VolumeReleased || volume.Status.Phase == corev1.VolumeFailed
	ours := volume.Annotations[volumeProvisioner] == provisionerName
	if !ours || !released || volume.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete {
		return nil
	}
	if err := os.RemoveAll(c.pathOf(volume.Name)); err != nil {
		return err
	}
	err := c.client.CoreV1().PersistentVolumes().Delete(ctx, volume.Name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	klog.InfoS("removed", "volume", volume.Name)
	return nil
}

func (c *volumeController) pathOf(volume string) string {
	return filepath.Join(c.folder, filepath.Base(volume))
}

// volumeFor is named after the claim's uid, so that a second try makes the same volume.
func (c *volumeController) volumeFor(
	claim *corev1.PersistentVolumeClaim, policy corev1.PersistentVolumeReclaimPolicy,
) *corev1.PersistentVolume {
	name := fmt.Sprintf("pvc-%s", claim.UID)
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{volumeProvisioner: provisionerName}},
		Spec: corev1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: policy,
			StorageClassName:              *claim.Spec.StorageClassName,
			AccessModes:                   claim.Spec.AccessModes,
			VolumeMode:                    claim.Spec.VolumeMode,
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: claim.Spec.Resources.Requests[corev1.ResourceStorage]},
			ClaimRef: &corev1.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim",
				Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID,
			},
			PersistentVolumeSource: corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: c.pathOf(name)}},
			NodeAffinity:           onNode(c.node),
		},
	}
}

func onNode(name string) *corev1.VolumeNodeAffinity {
	return &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
		MatchExpressions: []corev1.NodeSelectorRequirement{{
			Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{name},
		}},
	}}}}
}

// makeWritableFolder opens the folder in a second step, as the umask narrows the first.
func makeWritableFolder(path string) error {
	if err := os.MkdirAll(path, 0o777); err != nil {
		return err
	}
	return os.Chmod(path, 0o777)
}
