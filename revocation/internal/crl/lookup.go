// SPDX-License-Identifier: Apache-2.0

package crl

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"sort"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// find returns the entry of a serial, given by the content octets of its
// INTEGER, of a certificate issuer's group (zero if the CRL has only one). If the
// serial is listed more than once, a listing that revokes comes before one that
// says removeFromCRL.
func (x *index) find(serial []byte, group uint32) (when, bool) {
	n := len(serial)
	if n == 0 || n > maxSerialLength || x.tables[n] == nil {
		return 0, false
	}
	t := x.tables[n]
	if n >= 8 && x.group == 0 { // nothing is read behind the serial, so it is hashed where it is
		return x.search(t, serial, x.hashLong(serial, n, group))
	}
	var key [maxSerialLength + groupLength]byte
	copy(key[:], serial)
	hash := x.hash(key[:], n, group)
	if x.group != 0 {
		binary.LittleEndian.PutUint32(key[n:], group)
		n += groupLength
	}
	return x.search(t, key[:n], hash)
}

// search looks for a key with the given hash.
func (x *index) search(t *table, key []byte, hash uint64) (found when, listed bool) {
	p := &t.parts[t.part(hash)]
	if len(p.rows) == 0 {
		return 0, false
	}
	p.once.Do(func() { p.order(x, t) })
	bucket := hash << t.bits >> p.shift
	start, end := int(p.starts[bucket]), int(p.starts[bucket+1])
	width := t.width
	if end-start > sortedBucket {
		return x.searchSorted(t, key, p.rows[start*width:end*width])
	}
	for ; start < end; start += tagsAtOnce {
		for tagged := taggedAs(byte(hash), p.tags[start:], end-start); tagged != 0; tagged &= tagged - 1 {
			row := p.rows[(start+bits.TrailingZeros64(tagged)/8)*width:]
			if string(x.key(t, row)) != string(key) {
				continue
			}
			if found = t.when(row); found.reason() != der.ReasonRemoveFromCRL {
				return found, true
			}
			listed = true
		}
	}
	return found, listed
}

// searchSorted looks for a key among the rows of a bucket that is sorted.
func (x *index) searchSorted(t *table, key, rows []byte) (when, bool) {
	count := len(rows) / t.width
	i := sort.Search(count, func(i int) bool { return bytes.Compare(x.key(t, rows[i*t.width:]), key) >= 0 })
	if i == count || !bytes.Equal(x.key(t, rows[i*t.width:]), key) {
		return 0, false
	}
	return t.when(rows[i*t.width:]), true
}

// taggedAs compares the first tags, of at most so many rows, with a tag. Of what it returns,
// the top bit of the first octet is set if the first one is equal, and so on. One behind
// an equal one may be taken for equal too.
func taggedAs(tag byte, tags []byte, rows int) uint64 {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	differ := binary.LittleEndian.Uint64(tags) ^ ones*uint64(tag)
	return (differ - ones) &^ differ & tops & (1<<(8*uint(rows)) - 1)
}

// each tells every entry, until it is told not to go on. The serial must be neither
// changed nor kept.
func (x *index) each(tell func(serial []byte, group uint32, w when) (more bool)) {
	for _, t := range x.tables {
		if t == nil {
			continue
		}
		for i := range t.parts {
			p := &t.parts[i]
			if len(p.rows) == 0 {
				continue
			}
			p.once.Do(func() { p.order(x, t) })
			for row := p.rows; len(row) >= t.width; row = row[t.width:] {
				if !tell(x.key(t, row)[:t.serial:t.serial], x.groupOf(t, row), t.when(row)) {
					return
				}
			}
		}
	}
}
