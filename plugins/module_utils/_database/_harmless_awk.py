# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

r"""A filter for psql before the versions that know \restrict: it lets nothing pass that could be a command to psql.

psql takes a backslash for a command wherever it is not in a quote, in a comment or in the data of a COPY, and only who
reads the SQL as psql does can tell. So this reads it, in awk, and where psql might read it otherwise, in some version
or under some setting, it gives up: a dump of pg_dump doesn't hold such things. They are:

- a backslash outside of quotes, a psql variable, a comment in slashes and stars, a carriage return, a byte beyond ASCII
  outside of quotes (in some encodings its second half is a backslash);
- ``\'`` in a plain quote, and a byte beyond ASCII before a backslash in an escaped one: what that is depends on
  settings;
- any COPY but one that ends a line with FROM stdin: its data begin in the next line, and end as psql lets them end;
- a function whose body is SQL itself (BEGIN ATOMIC), in which newer psql do not take a semicolon for an end.

NUL bytes must be gone already: psql ends lines at them.
"""

from __future__ import annotations

HARMLESS_AWK = r"""
function refuse(what) {
    printf "line %d of the dump %s\n", NR, what > "/dev/stderr"
    exit 1
}

function token(kind) { before = last; last = kind; words++ }

# A plain quote ends at a quote that is not doubled. Whether a backslash escapes that one is a matter of settings.
function plain_quote(    i) {
    i = index(rest, "'")
    if (!i) { rest = ""; return }
    if (match(substr(rest, 1, i - 1), /\\+$/) && RLENGTH % 2) refuse("has a quote after a backslash")
    rest = substr(rest, i + 1)
    if (substr(rest, 1, 1) == "'") rest = substr(rest, 2); else state = ""
}

function escaped_quote() {
    if (!match(rest, /['\\]/)) { rest = ""; return }
    if (substr(rest, RSTART, 1) == "\\") {
        if (RSTART > 1 && substr(rest, RSTART - 1, 1) !~ /[\001-\177]/) refuse("has a backslash after a letter")
        rest = substr(rest, RSTART + 2)
    } else if (substr(rest, RSTART + 1, 1) == "'") {
        rest = substr(rest, RSTART + 2)
    } else {
        rest = substr(rest, RSTART + 1)
        state = ""
    }
}

function name_quote(    i) {
    i = index(rest, "\"")
    if (!i) { rest = ""; return }
    rest = substr(rest, i + 1)
    if (substr(rest, 1, 1) == "\"") rest = substr(rest, 2); else state = ""
}

function dollar_quote(    i) {
    i = index(rest, tag)
    if (!i) { rest = ""; return }
    rest = substr(rest, i + length(tag))
    state = ""
}

function word(    text, follows) {
    text = tolower(substr(rest, 1, RLENGTH))
    rest = substr(rest, RLENGTH + 1)
    follows = substr(rest, 1, 1)
    if (!words) first = text
    token(text)
    if (first == "create" && text == "begin" && !depth) refuse("has a function whose body is SQL")
    if (follows != "'") return
    if (text !~ /^[ebxn]$/) refuse("has a quote after a word")
    state = text == "e" ? "e" : "'"
    rest = substr(rest, 2)
}

function end_of_statement() {
    if (first == "copy") {
        if (before != "from" || last != "stdin" || rest != "") refuse("has a COPY that pg_dump does not write")
        copying = 1
    }
    words = 0
    first = before = last = ""
}

function other(    c) {
    c = substr(rest, 1, 1)
    if (match(rest, /^[ \t\f\v]+/)) { rest = substr(rest, RLENGTH + 1); return }
    if (match(rest, /^[A-Za-z_][A-Za-z0-9_$]*/)) { word(); return }
    if (match(rest, /^[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?/) || match(rest, /^[$][0-9]+/)) {
        rest = substr(rest, RLENGTH + 1)
        if (rest ~ /^[A-Za-z_$']/) refuse("has a number that does not end")
        token("0")
        return
    }
    if (match(rest, /^[$]([A-Za-z_][A-Za-z0-9_]*)?[$]/)) {
        tag = substr(rest, 1, RLENGTH)
        rest = substr(rest, RLENGTH + 1)
        state = "$"
        token("$")
        return
    }
    if (rest ~ /^--/) {
        if (rest ~ /\r/) refuse("has a carriage return in a comment")
        rest = ""
        return
    }
    if (rest ~ /^\/\*/) refuse("has a comment of several lines")
    if (c == "\\") refuse("has a command to psql")
    if (c == "$" || c !~ /[\041-\176]/) refuse("has a character that must be quoted")
    if (rest ~ /^::/) { rest = substr(rest, 3); token("::"); return }
    if (rest ~ /^:[{?'"]*[A-Z_]/) refuse("has a variable of psql")
    rest = substr(rest, 2)
    if (c == "'" || c == "\"") state = c
    if (c == "(") depth++
    if (c == ")" && depth) depth--
    if (c == ";" && !depth) end_of_statement(); else token(c)
}

copying {
    print
    if ($0 == "\\." || $0 == "\\.\r") copying = 0
    next
}

{
    rest = $0
    while (rest != "") {
        if (state == "'") plain_quote()
        else if (state == "e") escaped_quote()
        else if (state == "\"") name_quote()
        else if (state == "$") dollar_quote()
        else other()
    }
    print
}
"""
