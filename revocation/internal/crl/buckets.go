// SPDX-License-Identifier: Apache-2.0

package crl

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"sort"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// order puts the rows of a part into the order of its buckets, by counting, and
// makes its directory and tags.
func (p *part) order(x *index, t *table) {
	width := t.width
	count := len(p.rows) / width
	bucketBits := bits.Len32(uint32(count / 4))
	p.shift = uint8(64 - bucketBits)
	starts := make([]uint32, 1<<bucketBits+1)
	rows, tags := bytes.Clone(p.rows), make([]byte, count+tagsAtOnce)
	hashes := make([]uint64, count)
	for i := range hashes {
		hashes[i] = x.rowHash(t, rows[i*width:(i+1)*width])
		starts[hashes[i]<<t.bits>>p.shift+1]++
	}
	for bucket := range starts[1:] {
		starts[bucket+1] += starts[bucket]
	}
	next := slices.Clone(starts)
	for i, hash := range hashes {
		to := &next[hash<<t.bits>>p.shift]
		copy(p.rows[int(*to)*width:], rows[i*width:(i+1)*width])
		tags[*to] = byte(hash)
		*to++
	}
	p.tags = tags
	p.starts = starts
	// With a random seed, buckets too large to be read through are those of a
	// serial listed many times. Their tags are not looked at.
	for bucket, end := range starts[1:] {
		if start := starts[bucket]; end-start > sortedBucket {
			sort.Stable(&bucketRows{x: x, t: t, rows: p.rows[int(start)*width : int(end)*width]})
		}
	}
}

// rowHash is the hash of the key that a row has.
func (x *index) rowHash(t *table, row []byte) uint64 {
	if x.octets != nil {
		return x.hash(x.octets[binary.LittleEndian.Uint32(row):], t.serial, 0)
	}
	group := x.groupOf(t, row)
	if len(row) < 8 {
		row = append(make([]byte, 0, 8), row...)[:8]
	}
	return x.hash(row, t.serial, group)
}

// bucketRows sorts rows by key, and those of one key with removeFromCRL last.
type bucketRows struct {
	x    *index
	t    *table
	rows []byte
	swap [maxSerialLength + groupLength + whenLength]byte
}

func (b *bucketRows) Len() int { return len(b.rows) / b.t.width }

func (b *bucketRows) row(i int) []byte { return b.rows[i*b.t.width : (i+1)*b.t.width] }

func (b *bucketRows) Less(i, j int) bool {
	x, y := b.row(i), b.row(j)
	if order := bytes.Compare(b.x.key(b.t, x), b.x.key(b.t, y)); order != 0 {
		return order < 0
	}
	removed := func(row []byte) bool { return b.t.when(row).reason() == der.ReasonRemoveFromCRL }
	return !removed(x) && removed(y)
}

func (b *bucketRows) Swap(i, j int) {
	n := copy(b.swap[:], b.row(i))
	copy(b.row(i), b.row(j))
	copy(b.row(j), b.swap[:n])
}
