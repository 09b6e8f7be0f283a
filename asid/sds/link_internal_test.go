// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A whole directory may be read in answer to one question.
func TestAConnectionInUseIsNotIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer there.Close()
		l := new(link)
		s := &session{link: l, raw: here}
		l.session = s
		ended := func() bool {
			synctest.Wait()
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.session == nil
		}
		quick := func() {
			require.NoError(t, l.question(t.Context(), s, func(searcher) error { return nil }))
		}
		quick()
		require.NoError(t, l.question(t.Context(), s, func(searcher) error {
			time.Sleep(2 * idleAfter)
			assert.False(t, ended())
			quick() // of another caller, meanwhile
			time.Sleep(2 * idleAfter)
			assert.False(t, ended())
			return nil
		}))
		time.Sleep(idleAfter - time.Second)
		assert.False(t, ended())
		time.Sleep(time.Second)
		assert.True(t, ended())
		_, err := here.Write([]byte{0})
		assert.ErrorContains(t, err, "closed")
	})
}

// panicking is a source of randomness that panics when it is read, as the first thing of
// a handshake.
type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("in the middle of a handshake") }

func TestAPanicWhileConnectingHangsNoOtherCaller(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	l := &link{address: listener.Addr().String(), config: &tls.Config{ServerName: "directory.test", MinVersion: tls.VersionTLS12, Rand: panicking{}}}
	assert.Panics(t, func() { _, _, _ = l.get(t.Context()) })
	peer, err := listener.Accept()
	require.NoError(t, err)
	defer peer.Close()
	_, err = peer.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "the connection is closed")
	_, _, err = l.get(t.Context())
	assert.ErrorIs(t, err, errNotMade)
	connected, err := l.state()
	assert.False(t, connected)
	assert.ErrorIs(t, err, errNotMade)
}

// A caller may have little of its time left when its turn to connect comes, and then
// proves nothing about the directory.
func TestACallerThatLeavesSoonEndsNoOthersConnecting(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		timeout   time.Duration
		attempted bool // by the next caller
	}{"soon": {time.Hour, true}, "after as long as it may take": {time.Nanosecond, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer listener.Close()
			l := &link{
				address: listener.Addr().String(), timeout: c.timeout,
				config: &tls.Config{ServerName: "directory.test", MinVersion: tls.VersionTLS12},
			}
			// ask connects to a directory that does not answer, and leaves when it is connected to.
			ask := func() (attempted bool) {
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				left := make(chan struct{})
				go func() {
					defer close(left)
					_, _, err := l.get(ctx)
					assert.Error(t, err)
				}()
				accepted := make(chan net.Conn, 1)
				go func() {
					if peer, err := listener.Accept(); err == nil {
						accepted <- peer
					}
				}()
				select {
				case peer := <-accepted:
					leave()
					<-left
					peer.Close()
					return true
				case <-left:
					return false
				}
			}
			require.True(t, ask())
			assert.Equal(t, c.attempted, ask())
			_, err = l.state()
			assert.Equal(t, c.attempted, err == nil)
		})
	}
}
