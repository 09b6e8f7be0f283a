// SPDX-License-Identifier: Apache-2.0

// Package kit is what the test kits share: cases that are joined or become
// subtests, and requests that show how far they came.
package kit

import (
	"errors"
	"fmt"
	"testing"
)

// A Case is one thing that what is tested must do.
type Case struct {
	Name string
	Run  func() error
}

// Join runs the cases and joins what went wrong.
func Join(cases []Case) error {
	var errs []error
	for _, c := range cases {
		if err := c.Run(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.Name, err))
		}
	}
	return errors.Join(errs...)
}

// Subtests runs each case as a subtest.
func Subtests(t *testing.T, cases []Case) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			if err := c.Run(); err != nil {
				t.Error(err)
			}
		})
	}
}
