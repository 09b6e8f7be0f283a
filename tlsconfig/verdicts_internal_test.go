// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVerdictsAreBoundedAndKeepThoseInUse(t *testing.T) {
	var v verdicts
	key := func(n int) *verdictKey {
		var k verdictKey
		binary.BigEndian.PutUint64(k.leaf[:], uint64(n))
		return &k
	}
	inUse := new(verdict)
	v.keep(key(0), inUse)
	for n := 1; n <= 5*maxVerdicts; n++ {
		v.keep(key(n), new(verdict))
		require.LessOrEqual(t, len(v.young)+len(v.old), 2*maxVerdicts)
		if n%1000 == 0 {
			require.Same(t, inUse, v.get(key(0)))
		}
	}
	require.Nil(t, v.get(key(1)), "it was not used for two generations")
	other := *key(0)
	other.usage = 1
	require.Nil(t, v.get(&other), "a verdict is for one use")
}
