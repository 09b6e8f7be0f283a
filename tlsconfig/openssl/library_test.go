// SPDX-License-Identifier: Apache-2.0

package openssl_test

import (
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl"
)

// The loader keeps its reason for the thread that called it.
func TestWhichLibraryIsMissingIsSaidWhateverElseRuns(t *testing.T) {
	needLibrary(t)
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			for range 20 {
				assert.ErrorContains(t, openssl.Load("libcrypto.so.1234", "libssl.so.3"), "libcrypto.so.1234")
			}
		})
	}
	group.Wait()
}

func TestAMissingLibraryIsAnError(t *testing.T) {
	needLibrary(t)
	withoutLibc := map[string]string{"amd64": "ld-linux-x86-64.so.2", "arm64": "ld-linux-aarch64.so.1"}[runtime.GOARCH]
	for name, test := range map[string]struct{ libcrypto, libssl, want string }{
		"no libcrypto":                    {"libcrypto.so.1234", "libssl.so.3", "libcrypto.so.1234"},
		"no libssl":                       {"libcrypto.so.3", "libssl.so.1234", "libssl.so.1234"},
		"a library that lacks a function": {"libcrypto.so.3", "libc.so.6", "lack"},
		"a library without glibc":         {withoutLibc, "libssl.so.3", "glibc"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.ErrorContains(t, openssl.Load(test.libcrypto, test.libssl), test.want)
		})
	}
	require.NoError(t, openssl.Load("libcrypto.so.3", "libssl.so.3"))
}

func TestVersion3IsWanted(t *testing.T) {
	for number, ok := range map[uint64]bool{
		0x1010117f: false, // 1.1.1w
		0x30000000: true,  // 3.0.0
		0x30000130: true,  // 3.0.19
		0x30500040: true,  // 3.5.4
		0x40000000: false,
		0x20000000: false, // LibreSSL
	} {
		err := openssl.CheckVersion(number)
		assert.Equal(t, ok, err == nil, "%x: %v", number, err)
	}
}

// What an unauthenticated client offers is read in Go.
func FuzzSelectProtocol(f *testing.F) {
	f.Add([]byte("\x08http/1.1"))
	f.Add([]byte("\x02h2\x08http/1.1"))
	f.Add([]byte("\x09http/1.1"))
	f.Add([]byte("\x00"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, offered []byte) {
		name, ok := openssl.SelectProtocol(offered)
		if !ok {
			return
		}
		assert.Equal(t, "http/1.1", name)
		found := false
		for rest := offered; len(rest) > 0; rest = rest[1+int(rest[0]):] {
			require.Less(t, int(rest[0]), len(rest), "it is well formed as far as it was read")
			if string(rest[1:1+int(rest[0])]) == "http/1.1" {
				found = true
				break
			}
		}
		assert.True(t, found)
	})
}

// Whatever an unauthenticated client sends instead of a handshake ends in an error.
func FuzzServerHandshake(f *testing.F) {
	needLibrary(f)
	newServer := rawServer(f)
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte{22, 3, 1, 0, 4, 1, 0, 0, 0})
	f.Add([]byte{21, 3, 3, 0, 2, 2, 40})
	f.Add([]byte{0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10})
	f.Fuzz(func(t *testing.T, said []byte) {
		conn := newServer(&spokenConn{said: said})
		defer conn.Close()
		require.Error(t, conn.Handshake())
	})
}
