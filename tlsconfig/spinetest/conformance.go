// SPDX-License-Identifier: Apache-2.0

package spinetest

import (
	"errors"
	"fmt"
	"testing"
)

// A conformanceCase is one thing that a config must do.
type conformanceCase struct {
	name string
	run  func() error
}

// join runs the cases and joins what went wrong.
func join(cases []conformanceCase) error {
	var errs []error
	for _, c := range cases {
		if err := c.run(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.name, err))
		}
	}
	return errors.Join(errs...)
}

// subtests runs each case as a subtest.
func subtests(t *testing.T, cases []conformanceCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if err := c.run(); err != nil {
				t.Error(err)
			}
		})
	}
}

var (
	errAccepted = errors.New("it was accepted")
	errResumed  = errors.New("it was accepted when the session was resumed")
	errHTTP2    = errors.New("HTTP/2 was negotiated")
)

// mustAccept and mustRefuse judge one connection.
func mustAccept(o *outcome, err error) error {
	switch {
	case err != nil:
		return err
	case o.accepted():
		return nil
	}
	return fmt.Errorf("it was refused: %w", errors.Join(o.server, o.client))
}

func mustRefuse(o *outcome, err error) error {
	switch {
	case err != nil:
		return err
	case !o.accepted():
		return nil
	case o.clientSaw.DidResume:
		return errResumed
	}
	return errAccepted
}
