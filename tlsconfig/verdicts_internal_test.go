// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"context"
	"crypto/x509"
	"encoding/binary"
	"testing"
	"time"

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

type checksNothing struct{}

func (checksNothing) Check(context.Context, []*x509.Certificate, []byte) error { return nil }

// settle with no path that is valid now returns a refusal, never an
// error that is there and holds nothing.
func TestNoValidPathIsARefusal(t *testing.T) {
	v := &Verifier{AllowAnyFQDN: true, Revocation: checksNothing{}}
	leaf := &x509.Certificate{}
	_, err := v.settle(t.Context(), &verdict{}, nil, leaf, Presented{Usage: x509.ExtKeyUsageClientAuth}, time.Now())
	refusal, ok := err.(*PeerError)
	require.True(t, ok, "%v", err)
	require.NotNil(t, refusal)
	require.Equal(t, RuleValidity, refusal.Rule)
}
