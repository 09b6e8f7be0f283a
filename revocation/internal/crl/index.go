// SPDX-License-Identifier: Apache-2.0

package crl

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"sort"
	"sync"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// An index answers whether a serial number is listed. It holds nothing of the
// CRL's DER, and what it answers never changes; it is safe for concurrent use.
//
// Serials are compared as the content octets of their DER INTEGER, which are
// unique to a number. Entries whose keys are equally long share a table: rows
// of fixed width, ordered by the top bits of a keyed hash, and a directory
// that says where each bucket of about four rows starts. So a look-up costs
// one read of the directory and one or two cache lines of rows, and an entry
// its key, 5 bytes of date and reason, and about one byte of directory.
//
// The hash only spreads the rows: a match is always of the whole key. Its
// seed is random, so that nobody can choose serials that fall into one bucket;
// the same serial listed many times does, and such buckets are sorted and
// searched by halves.
type index struct {
	seed    [2]uint64
	group   int // octets after the serial that name its certificate issuer: groupLength, or none
	byWidth [maxSerialLength + 1]uint8
	tables  []table
	count   int
}

const (
	// maxSerialLength is longer than the 20 octets of RFC 5280 section
	// 4.1.2.2: some authorities add a sign octet to 20 random ones.
	maxSerialLength = 32

	groupLength = 4
	whenLength  = 5

	// sortedBucket is the number of rows from which a bucket is sorted and
	// searched by halves.
	sortedBucket = 32

	// rowPadding lets eight octets be read at the last row.
	rowPadding = 8

	// partBits is how many of the top bits of a hash say which part of a table
	// a row is in.
	partBits = 10
	parts    = 1 << partBits
)

// A table holds the rows with keys of one length.
type table struct {
	serial int // octets of a serial
	width  int // octets of a row
	count  int
	shift  uint
	starts []uint32 // one more than there are buckets
	rows   []byte   // padded

	// unordered is for a table with more buckets than parts. The rows of a part
	// are put into the order of its buckets when it is first searched: that
	// keeps a quarter of the work out of the loading of a CRL, and most parts
	// of most CRLs are never searched. From then on they do not change.
	ordered []sync.Once
}

// when packs a revocation date and a reason into 40 bits: 36 of seconds since
// 1950, which last until the year 4127, and 4 of reason.
type when uint64

const maxRevocationSeconds = 1<<36 - 1

func packWhen(seconds uint64, reason der.Reason) when {
	return when(seconds<<4 | uint64(reason))
}

func (w when) time() time.Time    { return der.Time(uint64(w >> 4)) }
func (w when) reason() der.Reason { return der.Reason(w & 15) }

func (w when) put(b []byte) {
	_ = b[4]
	binary.LittleEndian.PutUint32(b, uint32(w))
	b[4] = byte(w >> 32)
}

func readWhen(b []byte) when {
	_ = b[4]
	return when(binary.LittleEndian.Uint32(b)) | when(b[4])<<32
}

// hash spreads the serial of n octets at the start of b, which must be
// readable for eight octets even where n is less.
func (x *index) hash(b []byte, n int, group uint32) uint64 {
	first := binary.LittleEndian.Uint64(b)
	if n <= 8 {
		return x.hashShort(first, n, group)
	}
	last := binary.LittleEndian.Uint64(b[n-8:])
	h := x.mix(first, last^uint64(group))
	for i := 8; i < n-8; i += 8 {
		h = x.mix(h, binary.LittleEndian.Uint64(b[i:]))
	}
	return h
}

// hashShort is hash for serials of at most eight octets, little-endian; what is
// above them does not matter.
func (x *index) hashShort(first uint64, n int, group uint32) uint64 {
	return x.mix(first<<(64-8*uint(n)), uint64(group))
}

func (x *index) mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^x.seed[0], b^x.seed[1])
	return hi ^ lo
}

// find returns the entry of a serial, given by the content octets of its
// INTEGER, of a certificate issuer's group (zero if the CRL has only one).
// If the serial is listed more than once, a listing that revokes comes before
// one that says removeFromCRL.
func (x *index) find(serial []byte, group uint32) (when, bool) {
	n := len(serial)
	if n == 0 || n > maxSerialLength || x.byWidth[n] == 0 {
		return 0, false
	}
	t := &x.tables[x.byWidth[n]-1]
	if n == 8 && x.group == 0 {
		key := binary.LittleEndian.Uint64(serial)
		if start, end := x.bucket(t, x.hashShort(key, n, group)); end-start <= sortedBucket {
			return t.find8(key, start, end)
		}
	}
	var key [maxSerialLength + groupLength + rowPadding]byte
	copy(key[:], serial)
	start, end := x.bucket(t, x.hash(key[:], n, group))
	if x.group != 0 {
		binary.LittleEndian.PutUint32(key[n:], group)
		n += groupLength
	}
	if end-start > sortedBucket {
		start += sort.Search(end-start, func(i int) bool {
			return bytes.Compare(t.key(start+i, n), key[:n]) >= 0
		})
		if start == end || !bytes.Equal(t.key(start, n), key[:n]) {
			return 0, false
		}
		return t.when(start, n), true
	}
	return t.scan(key[:n], start, end)
}

// scan looks for a key in some rows.
func (t *table) scan(key []byte, start, end int) (found when, listed bool) {
	width := t.width
	rows := t.rows[start*width : end*width]
	long := len(key) >= 8
	var first uint64
	if long {
		first = binary.LittleEndian.Uint64(key)
	}
	for ; len(rows) >= width; rows = rows[width:] {
		if long && binary.LittleEndian.Uint64(rows) != first || string(rows[:len(key)]) != string(key) {
			continue
		}
		if found = readWhen(rows[len(key):]); found.reason() != der.ReasonRemoveFromCRL {
			return found, true
		}
		listed = true
	}
	return found, listed
}

// bucket returns the rows of the bucket that a hash leads to.
func (x *index) bucket(t *table, hash uint64) (start, end int) {
	if t.ordered != nil {
		part := hash >> (64 - partBits)
		t.ordered[part].Do(func() { x.order(t, part) })
	}
	bucket := hash >> t.shift
	return int(t.starts[bucket]), int(t.starts[bucket+1])
}

// find8 is find for serials of eight octets.
func (t *table) find8(key uint64, start, end int) (found when, listed bool) {
	rows := t.rows[start*(8+whenLength) : end*(8+whenLength)]
	for ; len(rows) >= 8+whenLength; rows = rows[8+whenLength:] {
		if binary.LittleEndian.Uint64(rows) != key {
			continue
		}
		if found = readWhen(rows[8:]); found.reason() != der.ReasonRemoveFromCRL {
			return found, true
		}
		listed = true
	}
	return found, listed
}

func (t *table) key(row, n int) []byte { return t.rows[row*t.width : row*t.width+n] }

func (t *table) when(row, n int) when { return readWhen(t.rows[row*t.width+n:]) }

// An indexBuilder makes an index in steps that each touch little memory at a
// time: count every entry, lay the tables out at their exact size, and place
// every entry in its part.
type indexBuilder struct {
	index *index
	parts [maxSerialLength + 1]*[parts]uint32 // by length of the serial
}

func newIndexBuilder(indirect bool) *indexBuilder {
	x := &index{seed: [2]uint64{rand.Uint64(), rand.Uint64() | 1}}
	if indirect {
		x.group = groupLength
	}
	return &indexBuilder{index: x}
}

// partsOf returns the counts of the parts of the table for serials of n octets.
func (b *indexBuilder) partsOf(n int) *[parts]uint32 {
	if b.parts[n] == nil {
		b.parts[n] = new([parts]uint32)
	}
	return b.parts[n]
}

// count counts an entry by its hash, and returns its part.
func (b *indexBuilder) count(n int, hash uint64) (part uint64) {
	counts := b.parts[n]
	if counts == nil {
		counts = b.partsOf(n)
	}
	part = hash >> (64 - partBits)
	counts[part]++
	return part
}

// layOut makes the tables, and turns the counts into the rows at which the parts
// start.
func (b *indexBuilder) layOut() {
	x := b.index
	octets, buckets := 0, 0
	for n, counts := range b.parts {
		if counts == nil {
			continue
		}
		total := uint32(0)
		for i, count := range counts {
			counts[i] = total
			total += count
		}
		bucketBits := bits.Len32(total / 4)
		x.tables = append(x.tables, table{
			serial: n,
			width:  n + x.group + whenLength,
			count:  int(total),
			shift:  uint(64 - bucketBits),
		})
		x.byWidth[n] = uint8(len(x.tables))
		x.count += int(total)
		octets += int(total)*(n+x.group+whenLength) + rowPadding
		buckets += 1<<bucketBits + 1
	}
	rows, starts := make([]byte, octets), make([]uint32, buckets)
	for i := range x.tables {
		t := &x.tables[i]
		octets, buckets := t.count*t.width+rowPadding, 1<<(64-t.shift)+1
		t.rows, rows = rows[:octets:octets], rows[octets:]
		t.starts, starts = starts[:buckets:buckets], starts[buckets:]
	}
}

// A filler takes the rows of one table.
type filler struct {
	rows   []byte
	serial int // octets of a serial
	width  int // octets of a row
	next   *[parts]uint32
}

// filler returns the filler for serials of n octets.
func (b *indexBuilder) filler(n int) filler {
	t := &b.index.tables[b.index.byWidth[n]-1]
	return filler{rows: t.rows, serial: n, width: t.width, next: b.parts[n]}
}

// row returns the next row of a part.
func (f *filler) row(part uint64) []byte {
	row := f.next[part%parts]
	f.next[part%parts] = row + 1
	return f.rows[int(row)*f.width:]
}

// put puts an entry, which has been counted, into its part. The serial is what b
// starts with; b must be readable for eight octets even where it is shorter.
func (f *filler) put(b []byte, part uint64, group uint32, w when) {
	row, n := f.row(part)[:f.width], f.serial
	if n < 8 || n+whenLength < f.width {
		copy(row, b[:n])
		if n+whenLength < f.width {
			binary.LittleEndian.PutUint32(row[n:], group)
		}
		w.put(row[f.width-whenLength:])
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

// finish returns the index. The builder is done with.
func (b *indexBuilder) finish() *index {
	for i := range b.index.tables {
		t := &b.index.tables[i]
		// Every entry has been placed, so each part now ends where the next one
		// started before.
		ends := b.parts[t.serial]
		bucketBits := 64 - t.shift
		if bucketBits <= partBits {
			for bucket := 1; bucket < len(t.starts); bucket++ {
				t.starts[bucket] = ends[bucket<<(partBits-bucketBits)-1]
			}
			t.sortLargeBuckets(t.starts)
			continue
		}
		for part, end := range ends {
			t.starts[(part+1)<<(bucketBits-partBits)] = end
		}
		t.ordered = make([]sync.Once, parts)
	}
	return b.index
}

// order puts the rows of a part into the order of its buckets, by counting, and
// writes the part's directory but for its ends, which stand.
func (x *index) order(t *table, part uint64) {
	fineBits := 64 - t.shift - partBits
	starts := t.starts[part<<fineBits : (part+1)<<fineBits+1]
	first, last := starts[0], starts[len(starts)-1]
	rows := t.rows[int(first)*t.width : int(last)*t.width]
	scratch := bytes.Clone(rows)
	buckets := make([]uint32, last-first)
	next := make([]uint32, len(starts))
	for i := range buckets {
		bucket := x.rowHash(t, t.rows[(int(first)+i)*t.width:]) >> t.shift & (1<<fineBits - 1)
		buckets[i] = uint32(bucket)
		next[bucket+1]++
	}
	for bucket := range next[1:] {
		next[bucket+1] += next[bucket]
		if bucket > 0 {
			starts[bucket] = first + next[bucket]
		}
	}
	for i, bucket := range buckets {
		to := int(next[bucket]) * t.width
		copy(rows[to:to+t.width], scratch[i*t.width:])
		next[bucket]++
	}
	t.sortLargeBuckets(starts)
}

// rowHash is the hash of the key that a row starts with. It reads nothing of the
// next row, which may be of a part that is being ordered too.
func (x *index) rowHash(t *table, row []byte) uint64 {
	if t.width < 8 {
		row = padded(row[:t.width])
	}
	if x.group == 0 {
		return x.hash(row, t.serial, 0)
	}
	return x.hash(row, t.serial, binary.LittleEndian.Uint32(row[t.serial:]))
}

// sortLargeBuckets sorts, by key, the buckets that are too large to be read
// through: with a random seed those of a serial listed many times.
func (t *table) sortLargeBuckets(starts []uint32) {
	for bucket, end := range starts[1:] {
		if start := starts[bucket]; end-start > sortedBucket {
			sort.Stable(&bucketRows{
				rows:  t.rows[int(start)*t.width : int(end)*t.width],
				width: t.width,
				key:   t.width - whenLength,
			})
		}
	}
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
