// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// Main runs an example with a context that ends at an interrupt or SIGTERM, and
// exits with 1 if run returns an error.
func Main(name string, run func(ctx context.Context, args []string, stdout, stderr io.Writer) error) {
	MainStatus(func(ctx context.Context, args []string, stdout, stderr io.Writer) int {
		if err := run(ctx, args, stdout, stderr); err != nil {
			fmt.Fprintln(stderr, name+":", err)
			return 1
		}
		return 0
	})
}

// MainStatus is Main for an example whose exit status says more than that it failed.
func MainStatus(run func(ctx context.Context, args []string, stdout, stderr io.Writer) int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// Parse parses the arguments of an example that takes flags and nothing else.
func Parse(fs *flag.FlagSet, args []string, stderr io.Writer) error {
	fs.SetOutput(stderr)
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("%q is not a flag", fs.Arg(0))
	}
	return nil
}

// A List is a flag that may be repeated.
type List []string

func (l *List) String() string { return strings.Join(*l, " ") }

// Set appends one value.
func (l *List) Set(s string) error {
	*l = append(*l, s)
	return nil
}
