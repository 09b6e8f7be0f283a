// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/nrlsecurity/nrlsecurity/testdata"
)

// commandIn returns an asker that runs a command in dir, once for each case.
func commandIn(dir string, command []string) asker {
	return func(ctx context.Context, c *testdata.Case) error {
		input, err := json.Marshal(c)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		cmd.Dir, cmd.Stdin = dir, bytes.NewReader(input)
		cmd.WaitDelay = time.Second // for what it has started itself, which may keep its output open
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		err = cmd.Run()
		exit, exited := errors.AsType[*exec.ExitError](err)
		verdict := testdata.Accept
		switch {
		case exited && exit.ExitCode() == 1:
			verdict = testdata.Refuse
		case exited && exit.Exited():
			return errNotAsked
		case err != nil:
			return err
		}
		if verdict != c.Verdict {
			return fmt.Errorf("the command's verdict is %s: %.300s", verdict, bytes.TrimSpace(said.Bytes()))
		}
		return nil
	}
}
