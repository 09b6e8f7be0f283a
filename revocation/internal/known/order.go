// SPDX-License-Identifier: Apache-2.0

package known

import (
	"encoding/binary"
	"math/big"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/crl"
)

// A Kind says what a document is.
type Kind byte

// The kinds of documents.
const (
	Complete   Kind = iota + 1 // a complete CRL
	Delta                      // a delta CRL
	Good                       // an OCSP answer
	Held                       // revoked, but only for the time being
	Revoked                    // for a reason that leaves the key to be trusted
	Distrusted                 // revoked for any other reason
	Unknown                    // or good, but removes no revocation
)

const (
	orderVersion = 3
	maxNumber    = 20
	orderLength  = 2 + 32 + 32 + 2*8 + 2*(1+maxNumber)
)

// An Order is what says which documents a document supersedes. Its String is the
// Order of a Member.
type Order struct {
	Kind       Kind
	Series     [32]byte // of the issuer, key and scope, or of the certificate and the responder's key
	Place      [32]byte // of the URL of a CRL without issuingDistributionPoint; zero: added, or it does not matter
	ThisUpdate time.Time
	Begins     time.Time // when it counts: thisUpdate, or producedAt of an OCSP answer if that is later
	Number     *big.Int  // cRLNumber; nil: none
	Base       *big.Int  // of a delta CRL
}

// String returns the encoding: a version, the kind, the series, the place, the
// seconds of thisUpdate and of when it begins, number and base.
func (o *Order) String() string {
	b := make([]byte, 0, orderLength)
	b = append(b, orderVersion, byte(o.Kind))
	b = append(b, o.Series[:]...)
	b = append(b, o.Place[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(o.ThisUpdate.Unix()))
	b = binary.BigEndian.AppendUint64(b, uint64(o.Begins.Unix()))
	b = appendNumber(b, o.Number)
	return string(appendNumber(b, o.Base))
}

// appendNumber appends whether there is a number, and the number in 20 octets.
func appendNumber(b []byte, n *big.Int) []byte {
	var digits [maxNumber]byte
	if n == nil || n.Sign() < 0 || n.BitLen() > 8*maxNumber {
		return append(append(b, 0), digits[:]...)
	}
	n.FillBytes(digits[:])
	return append(append(b, 1), digits[:]...)
}

// ParseOrder reads the Order of a Member. What another version wrote is not
// understood: it supersedes nothing and nothing supersedes it.
func ParseOrder(s string) (o Order, ok bool) {
	if len(s) != orderLength || s[0] != orderVersion || Kind(s[1]) < Complete || Kind(s[1]) > Unknown {
		return Order{}, false
	}
	o.Kind, s = Kind(s[1]), s[2:]
	copy(o.Series[:], s)
	copy(o.Place[:], s[32:])
	o.ThisUpdate, o.Begins = readSeconds(s[64:]), readSeconds(s[72:])
	if o.Number, ok = readNumber(s[80:]); ok {
		o.Base, ok = readNumber(s[80+1+maxNumber:])
	}
	return o, ok && !o.Begins.Before(o.ThisUpdate) && (o.Kind != Delta || o.Number != nil && o.Base != nil)
}

func readSeconds(s string) time.Time {
	return time.Unix(int64(binary.BigEndian.Uint64([]byte(s[:8]))), 0).UTC()
}

func readNumber(s string) (*big.Int, bool) {
	switch s[0] {
	case 0:
		return nil, true
	case 1:
		return new(big.Int).SetBytes([]byte(s[1 : 1+maxNumber])), true
	}
	return nil, false
}

// Supersedes reports whether a document that has begun takes the place of x for
// every certificate, whatever becomes known later. Of OCSP answers none makes a
// revocation superfluous but a later one that says as much: the responder's key may turn
// out to be compromised, and then what it said last takes back nothing of what it said
// before. A good answer is needed as long as the revocation that it removes, so that
// neither a revocation nor "unknown" supersedes it.
func (o *Order) Supersedes(x *Order) bool {
	if o.Series != x.Series || o.Place != x.Place && o.Place != [32]byte{} {
		return false
	}
	times := o.ThisUpdate.Compare(x.ThisUpdate)
	switch o.Kind {
	case Complete:
		numbers := crl.CompareNumbers(o.Number, x.Number)
		switch x.Kind {
		case Complete:
			return times >= 0 && numbers >= 0 && (times > 0 || numbers > 0)
		case Delta:
			return times >= 0 && o.Number != nil && numbers >= 0
		}
	case Delta:
		numbers := crl.CompareNumbers(o.Number, x.Number)
		return x.Kind == Delta && times >= 0 && numbers >= 0 && (times > 0 || numbers > 0) && o.Base.Cmp(x.Base) <= 0
	case Good:
		return (x.Kind == Good || x.Kind == Unknown) && times > 0
	case Held, Revoked, Distrusted:
		return (Held <= x.Kind && x.Kind <= o.Kind || x.Kind == Unknown) && times > 0
	case Unknown:
		return x.Kind == Unknown && times > 0
	}
	return false
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
