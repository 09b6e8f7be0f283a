// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package sdstest

import "errors"

// Suspend is not supported on this system: the error is errors.ErrUnsupported.
func (s *Slapd) Suspend() error { return errors.ErrUnsupported }

// Resume is not supported on this system: the error is errors.ErrUnsupported.
func (s *Slapd) Resume() error { return errors.ErrUnsupported }
