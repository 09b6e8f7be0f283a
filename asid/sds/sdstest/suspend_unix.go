// SPDX-License-Identifier: Apache-2.0

//go:build unix

package sdstest

import "syscall"

// Suspend makes it hang: connections stay open, and nothing is answered.
func (s *Slapd) Suspend() error { return s.process.Process.Signal(syscall.SIGSTOP) }

// Resume ends what Suspend began.
func (s *Slapd) Resume() error { return s.process.Process.Signal(syscall.SIGCONT) }
