// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package openssl_test

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// SSL_read takes an int: what it is given is never more than that holds.
func TestABufferOfTwoGiBIsReadInto(t *testing.T) {
	needLibrary(t)
	c, s := established(t)
	_, err := s.Write([]byte("hello"))
	require.NoError(t, err)
	// Pages that are not touched take no memory.
	b, err := syscall.Mmap(-1, 0, 1<<31+1, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
	require.NoError(t, err)
	defer func() { require.NoError(t, syscall.Munmap(b)) }()
	n, err := c.Read(b)
	require.NoError(t, err)
	assert.Equal(t, "hello", string(b[:n]))
}
