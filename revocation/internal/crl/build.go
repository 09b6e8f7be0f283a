// SPDX-License-Identifier: Apache-2.0

package crl

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sort"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// newIndex returns an index without entries, with room for as many as expected
// says of each length of a serial. More find room too, at a cost.
func newIndex(indirect bool, expected *[maxSerialLength + 1]int) *index {
	x := &index{seed: [2]uint64{rand.Uint64(), rand.Uint64() | 1}}
	if indirect {
		x.group = groupLength
	}
	for n, count := range expected {
		if count > 0 {
			x.tables[n] = newTable(n, n+x.group+whenLength, count)
		}
	}
	return x
}

// newTable returns a table for serials of n octets, with room for a number of
// rows.
func newTable(n, width, count int) *table {
	t := &table{serial: n, width: width}
	if count >= 16<<maxPartBits {
		t.bits = maxPartBits
	}
	t.parts = make([]part, 1<<t.bits)
	// How many rows fall into a part is a matter of chance: nine in ten parts have
	// no more than 1.3 standard deviations beyond the mean. The others move to
	// more room.
	mean := count >> t.bits
	room := (mean + 4*int(sqrt(uint32(mean)))/3 + 1) * width
	rows := make([]byte, len(t.parts)*room)
	for i := range t.parts {
		t.parts[i].rows = rows[i*room : i*room : (i+1)*room]
	}
	return t
}

// maxPartBits is how many bits of a hash tell the parts of a large table apart:
// few enough that the ends of all parts are in the cache while rows are added.
const maxPartBits = 8

// sqrt returns the square root, rounded down.
func sqrt(n uint32) (root uint32) {
	for bit := uint32(1) << 15; bit > 0; bit >>= 1 {
		if r := root | bit; r <= n/r {
			root = r
		}
	}
	return root
}

// table returns the table for serials of n octets.
func (x *index) table(n int) *table {
	if x.tables[n] == nil {
		x.tables[n] = newTable(n, n+x.group+whenLength, 0)
	}
	return x.tables[n]
}

// row adds a row to a part and returns it. More than the row may be written, if
// all that is behind it in the part is written later.
func (p *part) row(width int) []byte {
	n := len(p.rows)
	if cap(p.rows)-n < width {
		more := make([]byte, n, n+n/8+4*width)
		copy(more, p.rows)
		p.rows = more
	}
	p.rows = p.rows[:n+width]
	return p.rows[n : n+width]
}

// add adds an entry. The serial of n octets is what b starts with; b must be
// readable for eight octets even where it is shorter.
func (x *index) add(t *table, b []byte, n int, group uint32, w when) {
	row := t.part(x.hash(b, n, group)).row(t.width)
	x.count++
	if n < 8 || x.group != 0 {
		copy(row, b[:n])
		if x.group != 0 {
			binary.LittleEndian.PutUint32(row[n:], group)
		}
		w.put(row[t.width-whenLength:])
		return
	}
	// Eight octets at a time; the last writes overlap the one before them, so
	// that none goes past the row.
	for i := 0; i < n-8; i += 8 {
		binary.LittleEndian.PutUint64(row[i:], binary.LittleEndian.Uint64(b[i:]))
	}
	putEnd(row[n-8:], binary.LittleEndian.Uint64(b[n-8:]), w)
}

// putEnd writes the last eight octets of a serial and what follows them.
func putEnd(row []byte, serial uint64, w when) {
	_ = row[8+whenLength-1]
	binary.LittleEndian.PutUint64(row, serial)
	binary.LittleEndian.PutUint64(row[whenLength:], serial>>(8*whenLength)|uint64(w)<<(64-8*whenLength))
}

// order puts the rows of a part into the order of its buckets, by counting, and
// makes its directory and tags.
func (p *part) order(x *index, t *table) {
	width := t.width
	count := len(p.rows) / width
	bucketBits := bits.Len32(uint32(count / 4))
	p.shift = uint8(64 - bucketBits)
	starts := make([]uint32, 1<<bucketBits+1)
	rows, tags := bytes.Clone(p.rows), make([]byte, count)
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
			sort.Stable(&bucketRows{rows: p.rows[int(start)*width : int(end)*width], width: width, key: width - whenLength})
		}
	}
}

// rowHash is the hash of the key that a row starts with.
func (x *index) rowHash(t *table, row []byte) uint64 {
	group := uint32(0)
	if x.group != 0 {
		group = binary.LittleEndian.Uint32(row[t.serial:])
	}
	if len(row) < 8 {
		row = append(make([]byte, 0, 8), row...)[:8]
	}
	return x.hash(row, t.serial, group)
}

// bucketRows sorts rows by key, and those of one key with removeFromCRL last.
type bucketRows struct {
	rows       []byte
	width, key int
	swap       [maxSerialLength + groupLength + whenLength]byte
}

func (b *bucketRows) Len() int         { return len(b.rows) / b.width }
func (b *bucketRows) row(i int) []byte { return b.rows[i*b.width : (i+1)*b.width] }

func (b *bucketRows) Less(i, j int) bool {
	x, y := b.row(i), b.row(j)
	if order := bytes.Compare(x[:b.key], y[:b.key]); order != 0 {
		return order < 0
	}
	removed := func(row []byte) bool { return readWhen(row[b.key:]).reason() == der.ReasonRemoveFromCRL }
	return !removed(x) && removed(y)
}

func (b *bucketRows) Swap(i, j int) {
	n := copy(b.swap[:], b.row(i))
	copy(b.row(i), b.row(j))
	copy(b.row(j), b.swap[:n])
}
