// SPDX-License-Identifier: Apache-2.0

package known

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/crl"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// A Verdict is what the set says of one certificate.
type Verdict struct {
	Status Status
	Entry  crl.Entry // with StatusRevoked
	List   *crl.List // that revokes, or the first that clears

	ThisUpdate, NextUpdate time.Time

	// Stale says, with StatusUndecided, that lists clear the certificate some of
	// which have expired, since NextUpdate.
	Stale bool

	Errs []error // what is wrong with each list, *ListError
}

// standing returns a statement that no clearance removes: a permanent one if there
// is one, of these one that distrusts the key, of these the latest.
func (d *decision) standing(statements []statement, clear []*clearance, path []*x509.Certificate) (statement, bool) {
	statements = slices.DeleteFunc(statements, func(st statement) bool {
		return slices.ContainsFunc(clear, func(c *clearance) bool {
			if !c.current || !c.thisUpdate.After(st.list.ThisUpdate()) || st.series.reasons&^c.reasons != 0 {
				return false
			}
			return st.hold() && d.expired(st.list) || d.tainted(st.series.key, path)
		})
	})
	if len(statements) == 0 {
		return statement{}, false
	}
	return slices.MinFunc(statements, func(a, b statement) int {
		x, y := a.list.Digest(), b.list.Digest()
		return cmp.Or(btoi(a.hold())-btoi(b.hold()), btoi(distrusts(b.entry))-btoi(distrusts(a.entry)), b.list.ThisUpdate().Compare(a.list.ThisUpdate()), bytes.Compare(x[:], y[:]))
	}), true
}

// conclude answers for a certificate that no list lists.
func conclude(clear []*clearance, errs []error) *Verdict {
	// The current ones first, of these the latest.
	slices.SortStableFunc(clear, func(a, b *clearance) int {
		x, y := a.list.Digest(), b.list.Digest()
		return cmp.Or(btoi(b.current)-btoi(a.current), b.thisUpdate.Compare(a.thisUpdate), bytes.Compare(x[:], y[:]))
	})
	v := &Verdict{Errs: errs}
	var covered crl.Reasons
	current := true
	for _, c := range clear {
		if c.reasons&^covered == 0 || c.nextUpdate.IsZero() {
			continue
		}
		if covered == 0 {
			v.List, v.ThisUpdate, v.NextUpdate = c.list.List, c.thisUpdate, c.nextUpdate
		}
		covered |= c.reasons
		current = current && c.current
		if c.thisUpdate.Before(v.ThisUpdate) {
			v.ThisUpdate = c.thisUpdate
		}
		if c.nextUpdate.Before(v.NextUpdate) {
			v.NextUpdate = c.nextUpdate
		}
	}
	switch {
	case covered == crl.AllReasons && current:
		v.Status, v.Errs = StatusGood, nil
	case covered == crl.AllReasons:
		v.Stale = true
	case covered != 0:
		v.Errs = append(v.Errs, &ListError{v.List.Source(), &der.Error{Kind: der.ErrScope,
			Detail: fmt.Sprintf("no CRL covers the reasons %s", crl.AllReasons&^covered)}})
	}
	return v
}
