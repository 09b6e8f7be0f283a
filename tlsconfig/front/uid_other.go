// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package front

import (
	"errors"
	"net"
)

// peerUID is known on Linux only; elsewhere unix sockets are refused.
func peerUID(*net.UnixConn) (int, error) {
	return 0, errors.New("the user of a unix socket's peer is not known on this system")
}
