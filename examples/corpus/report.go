// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/nrlsecurity/nrlsecurity/testdata"
)

// The exit statuses.
const (
	allRight = iota
	someWrong
	nothingAsked
)

// errNotAsked is a case that this runner cannot ask.
var errNotAsked = errors.New("not asked")

// An asker runs a case and returns what is wrong with what came of it, nil if
// nothing is, or errNotAsked.
type asker func(ctx context.Context, c *testdata.Case) error

// report asks all cases of the kinds and prints what came of it.
func report(ctx context.Context, ask asker, kinds []string, verbose bool, stdout io.Writer) int {
	type count struct{ right, wrong, notAsked int }
	counts := map[string]*count{}
	order := []string{}
	cases := testdata.Cases()
	for i := range cases {
		c := &cases[i]
		kind := kindOf(c)
		if len(kinds) > 0 && !slices.Contains(kinds, kind) {
			continue
		}
		if ctx.Err() != nil {
			break
		}
		if counts[kind] == nil {
			counts[kind], order = new(count), append(order, kind)
		}
		switch err := ask(ctx, c); {
		case errors.Is(err, errNotAsked):
			counts[kind].notAsked++
		case err != nil:
			counts[kind].wrong++
			fmt.Fprintf(stdout, "WRONG  %s (%s, rule %s): %v\n", c.Name, c.Verdict, orNone(c.Rule), err)
		default:
			counts[kind].right++
			if verbose {
				fmt.Fprintln(stdout, "right ", c.Name)
			}
		}
	}
	wrong, asked := 0, 0
	fmt.Fprintf(stdout, "%-12s %6s %6s %10s\n", "kind", "right", "wrong", "not asked")
	for _, kind := range order {
		n := counts[kind]
		fmt.Fprintf(stdout, "%-12s %6d %6d %10d\n", kind, n.right, n.wrong, n.notAsked)
		wrong, asked = wrong+n.wrong, asked+n.right+n.wrong
	}
	switch {
	case asked == 0 || ctx.Err() != nil:
		return nothingAsked
	case wrong > 0:
		return someWrong
	}
	return allRight
}

func orNone(rule string) string {
	if rule == "" {
		return "none"
	}
	return rule
}

func kindOf(c *testdata.Case) string {
	switch {
	case c.Certificate != nil:
		return "certificate"
	case c.Offer != nil:
		return "offer"
	case c.Request != nil:
		return "request"
	case c.Registry != nil:
		return "registry"
	case c.Pointer != nil:
		return "pointer"
	case c.Front != nil:
		return "front"
	}
	return "change"
}
