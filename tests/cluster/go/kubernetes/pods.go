// SPDX-FileCopyrightText: Contributors to the community.che collection
// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"
	runtime "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	remote "k8s.io/cri-client/pkg"
)

// newPodStopperCommand ends every pod as the kubelet would: through the runtime's own interface,
// which also takes down the pod's network. Killing processes would leave both behind.
func newPodStopperCommand() *cobra.Command {
	var endpoint string
	command := &cobra.Command{
		Use:   "pod-stopper",
		Short: "Stops and removes every pod of a container runtime",
		RunE: func(command *cobra.Command, _ []string) error {
			service, err := remote.NewRemoteRuntimeService(endpoint, time.Minute, nil, nil)
			if err != nil {
				return err
			}
			return stopAllPods(context.Background(), service)
		},
	}
	command.Flags().StringVar(&endpoint, "endpoint", "", "the runtime's socket, unix:///...")
	return command
}

func stopAllPods(ctx context.Context, service runtime.PodSandboxManager) error {
	pods, err := service.ListPodSandbox(ctx, &runtimeapi.PodSandboxFilter{})
	if err != nil {
		return err
	}
	failures := make([]error, len(pods))
	var all sync.WaitGroup
	for i, pod := range pods {
		all.Go(func() { failures[i] = stopPod(ctx, service, pod) })
	}
	all.Wait()
	return errors.Join(failures...)
}

func stopPod(ctx context.Context, service runtime.PodSandboxManager, pod *runtimeapi.PodSandbox) error {
	err := service.StopPodSandbox(ctx, pod.Id)
	if err == nil {
		err = service.RemovePodSandbox(ctx, pod.Id)
	}
	if err != nil {
		return fmt.Errorf("%s/%s: %w", pod.Metadata.Namespace, pod.Metadata.Name, err)
	}
	return nil
}
