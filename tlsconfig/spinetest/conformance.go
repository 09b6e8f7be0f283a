// SPDX-License-Identifier: Apache-2.0

package spinetest

import (
	"errors"
	"fmt"
	"sync/atomic"
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

// batches numbers the partitions that the cases use, so that none finds a CRL
// that another one has had fetched.
var batches atomic.Int64

func freshBatch() Variation { return Batch(int(1000 + batches.Add(1))) }

var (
	errAccepted = errors.New("it was accepted")
	errResumed  = errors.New("it was accepted when the session was resumed")
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
	case o.accepted():
		return errAccepted
	}
	return nil
}
