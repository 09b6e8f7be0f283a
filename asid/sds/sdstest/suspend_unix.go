// SPDX-License-Identifier: Apache-2.0

//go:build unix

package sdstest

import (
	"errors"
	"syscall"
)

// Suspend makes it hang: connections stay open, and nothing is answered.
func (s *Slapd) Suspend() error {
	if err := s.process.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	// The signal is sent; it hangs once all its threads have got it.
	for {
		var status syscall.WaitStatus
		_, err := syscall.Wait4(s.process.Process.Pid, &status, syscall.WUNTRACED, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return err
		case status.Stopped():
			return nil
		default:
			return errors.New("slapd has ended")
		}
	}
}

// Resume ends what Suspend began.
func (s *Slapd) Resume() error { return s.process.Process.Signal(syscall.SIGCONT) }
