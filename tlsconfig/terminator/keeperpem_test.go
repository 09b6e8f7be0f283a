// SPDX-License-Identifier: Apache-2.0

package terminator_test

import (
	"bytes"
	"encoding/pem"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

// However long lists are, the text is that of encoding/pem.
func TestPartsMakeOnePEM(t *testing.T) {
	t.Parallel()
	const part = terminator.PartOctets / 65 * 48 // of DER in a part
	random := rand.NewChaCha8([32]byte{})
	for _, sizes := range [][]int{
		{}, {1}, {47}, {48}, {49}, {50}, {51}, {95}, {96}, {97}, {98},
		{part - 1}, {part}, {part + 1}, {part - 48, 48, 1}, {part - 96, 1, 47, 48}, {1, part - 48, 200},
		{2*part - 48, 96}, {3 * part}, {3*part + 1, part - 95}, {4*part - 1}, {7*part + 5, 300, 5 * part, 1000},
	} {
		var lists []*revocation.List
		var want []byte
		for _, size := range sizes {
			der := make([]byte, size)
			_, _ = random.Read(der)
			lists = append(lists, &revocation.List{DER: der})
			want = append(want, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})...)
		}
		var got bytes.Buffer
		require.NoError(t, terminator.WritePEM(&got, lists))
		require.True(t, bytes.Equal(want, got.Bytes()), "of %d octets", sizes)
	}
}

// A full disk ends the writing at once.
func TestWritingEndsWithTheFirstError(t *testing.T) {
	t.Parallel()
	full := errors.New("full")
	for _, after := range []int{0, 1, 4} {
		w := &failing{after: after, err: full}
		lists := []*revocation.List{{DER: make([]byte, 8*terminator.PartOctets)}}
		require.ErrorIs(t, terminator.WritePEM(w, lists), full)
		require.Equal(t, after+1, w.calls)
	}
}

// A failing writer takes so many writes, and then fails.
type failing struct {
	after, calls int
	err          error
}

func (f *failing) Write(b []byte) (int, error) {
	f.calls++
	if f.calls > f.after {
		return 0, f.err
	}
	return len(b), nil
}
