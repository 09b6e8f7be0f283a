// SPDX-License-Identifier: Apache-2.0

package sds

import (
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
