// SPDX-License-Identifier: Apache-2.0

package crl

import "math/big"

// Supersedes reports whether l takes the place of x, which is of the same
// series: neither thisUpdate nor number of l is lower than x's, and one of them
// is higher. A missing number is the lowest. Time alone is not the order, because
// clocks run fast and lists are signed in advance; the number alone is not,
// because CAs are restored from backups.
func (l *List) Supersedes(x *List) bool {
	time, number := l.thisUpdate.Compare(x.thisUpdate), CompareNumbers(l.number, x.number)
	return time >= 0 && number >= 0 && (time > 0 || number > 0)
}

// CompareNumbers compares cRLNumbers, of which nil is the lowest.
func CompareNumbers(a, b *big.Int) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return a.Cmp(b)
}

// Combines reports whether the delta CRL d can be combined with l, a complete
// CRL of the same issuer and scope (RFC 5280 sections 5.2.4 and 6.3.3 (c)):
// BaseCRLNumber <= CRL number < the delta's number, one authority key identifier,
// and a thisUpdate that is not earlier. That both are signed with one key is for
// the caller to know.
func (l *List) Combines(d *List) bool {
	return d.delta && !l.delta && l.number != nil && d.authority == l.authority &&
		d.base.Cmp(l.number) <= 0 && l.number.Cmp(d.number) < 0 && !d.thisUpdate.Before(l.thisUpdate)
}
