// SPDX-License-Identifier: Apache-2.0

package spinetest

import (
	"errors"
	"fmt"
)

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
