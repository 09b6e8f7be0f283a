// SPDX-License-Identifier: Apache-2.0

package crl

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
)

// newIndex returns an index without entries, with room for as many as expected
// says of each length of a serial. More find room too, at a cost. Octets are
// revokedCertificates if they stay in memory, else nil.
func newIndex(indirect bool, octets []byte, expected *[maxSerialLength + 1]int) *index {
	x := &index{seed: [2]uint64{rand.Uint64(), rand.Uint64() | 1}}
	if indirect {
		x.group = groupLength
	} else if uint64(len(octets)) <= math.MaxUint32 {
		x.octets = octets
	}
	for n, count := range expected {
		if count > 0 {
			x.tables[n] = newTable(n, x.width(n), count)
		}
	}
	return x
}

// width returns how many octets a row has for serials of n.
func (x *index) width(n int) int {
	if x.octets != nil {
		return placeLength + whenLength
	}
	return n + x.group + whenLength
}

// newTable returns a table for serials of n octets, with room for a number of
// rows.
func newTable(n, width, count int) *table {
	t := &table{serial: n, width: width}
	if count >= 16<<maxPartBits {
		t.bits = maxPartBits
	}
	t.parts = make([]part, 1<<t.bits)
	// How many rows fall into a part is a matter of chance: 99 in a hundred parts
	// have no more than 2.5 standard deviations beyond the mean. The others move to
	// more room.
	mean := count >> t.bits
	t.room = (mean + 5*int(sqrt(uint32(mean)))/2 + 1) * width
	t.rows = make([]byte, len(t.parts)*t.room)
	t.ends = make([]int, len(t.parts))
	for i := range t.ends {
		t.ends[i] = i * t.room
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
		x.tables[n] = newTable(n, x.width(n), 0)
	}
	return x.tables[n]
}

// row adds a row to a part and returns it, with what is behind it in the table. It is
// nil if the part has no room left; then more is to be called.
func (t *table) row(i int) []byte {
	at := t.ends[i]
	end := at + t.width
	if end > (i+1)*t.room {
		return nil
	}
	t.ends[i] = end
	return t.rows[at:]
}

// more is row for a part that has no room left: it gets memory of its own.
func (t *table) more(i int) []byte {
	p := &t.parts[i]
	if p.rows == nil {
		p.rows = t.rows[i*t.room : t.ends[i] : t.ends[i]]
	}
	n := len(p.rows)
	if cap(p.rows)-n < t.width {
		p.rows = append(make([]byte, 0, n+n/8+4*t.width), p.rows...)
	}
	p.rows = p.rows[:n+t.width]
	return p.rows[n:]
}

// filled gives the parts their rows, when all have been added. Nothing is found before.
func (x *index) filled() {
	for _, t := range x.tables {
		if t == nil {
			continue
		}
		for i, end := range t.ends {
			if p := &t.parts[i]; p.rows == nil {
				p.rows = t.rows[i*t.room : end : end]
			}
			x.count += len(t.parts[i].rows) / t.width
		}
		t.filling = filling{}
	}
}

// add adds an entry, whose serial is at a place of revokedCertificates. The serial of n octets
// is what b starts with; b must be readable for eight octets even where it is shorter.
func (x *index) add(t *table, at int, b []byte, n int, group uint32, w when) {
	i := t.part(x.hash(b, n, group))
	row := t.row(i)
	if row == nil {
		row = t.more(i)
	}
	if x.octets != nil {
		putPlace(row, at, w)
		return
	}
	copy(row, b[:n])
	if x.group != 0 {
		binary.LittleEndian.PutUint32(row[n:], group)
	}
	w.put(row[t.width-whenLength:])
}

// putPlace writes a row that says where its serial is.
func putPlace(row []byte, at int, w when) {
	binary.LittleEndian.PutUint32(row, uint32(at))
	w.put(row[placeLength:])
}

// putSerial writes a row with a serial of at least eight octets, eight at a time; the last
// writes overlap the one before them, so that none goes past the row.
func putSerial(row, serial []byte, n int, w when) {
	for i := 0; i < n-8; i += 8 {
		binary.LittleEndian.PutUint64(row[i:], binary.LittleEndian.Uint64(serial[i:]))
	}
	last, end := binary.LittleEndian.Uint64(serial[n-8:]), row[n-8:][:8+whenLength]
	binary.LittleEndian.PutUint64(end, last)
	binary.LittleEndian.PutUint64(end[whenLength:], last>>(8*whenLength)|uint64(w)<<(64-8*whenLength))
}
