// SPDX-License-Identifier: Apache-2.0

package terminator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// A Hook tells a program that a file has changed. It returns an error if the program
// does not go by it now, and when ctx ends; one that does not return then is waited for no
// longer, and called again when it has. It is called by one goroutine at a time.
type Hook func(ctx context.Context, file string) error

// Command returns a Hook that runs two commands, each a program and its arguments
// without a shell: first the program's own test of its configuration, such as nginx -t,
// apachectl configtest or haproxy -c -f FILE, then what makes it read its files again,
// such as nginx -s reload, apachectl graceful or systemctl reload stunnel4. Where the
// test fails nothing is reloaded. A nil test is left out: stunnel has none, and keeps its
// configuration if the new one is no good. The error ends with what the command wrote.
// A command that has not ended with the context is killed, and with it what it started.
// One that ends with 0 has succeeded, also if what it started goes on, or if a bare
// signal is lost: a SIGUSR2 that reaches HAProxy's master while it starts is, so that it
// goes by the old file until the next change. [StatsSocket] does without.
func Command(test, reload []string) Hook {
	return func(ctx context.Context, _ string) error {
		if len(reload) == 0 {
			return errors.New("the command that reloads is missing")
		}
		if len(test) > 0 {
			if err := run(ctx, test); err != nil {
				return err
			}
		}
		return run(ctx, reload)
	}
}

func run(ctx context.Context, args []string) error {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	var out lastOutput
	cmd.Stdout, cmd.Stderr = &out, &out
	ownGroup(cmd)
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), errors.Join(ctx.Err(), err), bytes.TrimSpace(out.b))
	}
	return nil
}

// A lastOutput keeps the last of what is written to it.
type lastOutput struct{ b []byte }

const outputKept = 1 << 10

func (o *lastOutput) Write(b []byte) (int, error) {
	o.b = append(o.b, b[max(0, len(b)-outputKept):]...)
	o.b = o.b[max(0, len(o.b)-outputKept):]
	return len(b), nil
}
