package revocation

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"sort"
	"time"
)

// An index answers whether a serial number is listed. It is immutable once
// built, and holds nothing of the CRL's DER.
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
	group   int // octets after the serial that name its certificate issuer: 0 or groupLength
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

	coarseBits = 8
	coarse     = 1 << coarseBits
)

// A table holds the rows with keys of one length.
type table struct {
	serial int // octets of a serial
	width  int // octets of a row
	count  int
	shift  uint
	starts []uint32 // one more than there are buckets
	rows   []byte   // padded
}

// when packs a revocation date and a reason into 40 bits: 36 of seconds since
// 1950, which last until the year 4127, and 4 of reason.
type when uint64

const maxRevocationSeconds = 1<<36 - 1

func packWhen(seconds uint64, reason Reason) when {
	return when(seconds<<4 | uint64(reason))
}

func (w when) time() time.Time { return timeSince1950(uint64(w >> 4)) }
func (w when) reason() Reason  { return Reason(w & 15) }

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
	var hi, lo uint64
	switch {
	case n <= 8:
		first &= ^uint64(0) >> (64 - 8*uint(n))
		hi, lo = bits.Mul64(first^x.seed[0], x.seed[1]^uint64(group))
	case n <= 16:
		hi, lo = bits.Mul64(first^x.seed[0], binary.LittleEndian.Uint64(b[n-8:])^x.seed[1]^uint64(group))
	default:
		hi, lo = bits.Mul64(first^x.seed[0], binary.LittleEndian.Uint64(b[8:])^x.seed[1]^uint64(group))
		if n > 24 {
			hi, lo = bits.Mul64(hi^lo^x.seed[1], binary.LittleEndian.Uint64(b[16:])^x.seed[0])
		}
		hi, lo = bits.Mul64(hi^lo^x.seed[0], binary.LittleEndian.Uint64(b[n-8:])^x.seed[1])
	}
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
	var key [maxSerialLength + groupLength + rowPadding]byte
	copy(key[:], serial)
	bucket := x.hash(key[:], n, group) >> t.shift
	if x.group != 0 {
		binary.LittleEndian.PutUint32(key[n:], group)
		n += groupLength
	}
	start, end := int(t.starts[bucket]), int(t.starts[bucket+1])
	if end-start > sortedBucket {
		start += sort.Search(end-start, func(i int) bool {
			return bytes.Compare(t.key(start+i, n), key[:n]) >= 0
		})
		if start == end || !bytes.Equal(t.key(start, n), key[:n]) {
			return 0, false
		}
		return t.when(start, n), true
	}
	if n == 8 {
		return t.find8(binary.LittleEndian.Uint64(key[:]), start, end)
	}
	var found when
	listed := false
	for i := start; i < end; i++ {
		if !bytes.Equal(t.key(i, n), key[:n]) {
			continue
		}
		if found = t.when(i, n); found.reason() != ReasonRemoveFromCRL {
			return found, true
		}
		listed = true
	}
	return found, listed
}

// find8 is find for the commonest width.
func (t *table) find8(key uint64, start, end int) (found when, listed bool) {
	rows := t.rows[start*(8+whenLength) : end*(8+whenLength)]
	for ; len(rows) >= 8+whenLength; rows = rows[8+whenLength:] {
		if binary.LittleEndian.Uint64(rows) != key {
			continue
		}
		if found = readWhen(rows[8:]); found.reason() != ReasonRemoveFromCRL {
			return found, true
		}
		listed = true
	}
	return found, listed
}

func (t *table) key(row, n int) []byte { return t.rows[row*t.width : row*t.width+n] }

func (t *table) when(row, n int) when { return readWhen(t.rows[row*t.width+n:]) }

// An indexBuilder makes an index in three steps that each touch little memory
// at a time: count every entry, lay the tables out at their exact size, place
// every entry in its coarse part, and order the rows of each part.
type indexBuilder struct {
	index *index
	parts [maxSerialLength + 1]*[coarse]uint32 // by length of the serial
}

func newIndexBuilder(indirect bool) *indexBuilder {
	x := &index{seed: [2]uint64{rand.Uint64(), rand.Uint64() | 1}}
	if indirect {
		x.group = groupLength
	}
	return &indexBuilder{index: x}
}

// add counts an entry: the serial is the first n octets of b.
func (b *indexBuilder) add(serial []byte, n int, group uint32) {
	parts := b.parts[n]
	if parts == nil {
		parts = new([coarse]uint32)
		b.parts[n] = parts
	}
	parts[b.index.hash(serial, n, group)>>(64-coarseBits)]++
}

// layOut makes the tables, and turns the counts into the rows at which the
// coarse parts start.
func (b *indexBuilder) layOut() {
	x := b.index
	octets, buckets := 0, 0
	for n, parts := range b.parts {
		if parts == nil {
			continue
		}
		total := uint32(0)
		for i, count := range parts {
			parts[i] = total
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

// place puts an entry, which has been counted, into its coarse part.
func (b *indexBuilder) place(serial []byte, n int, group uint32, w when) {
	x := b.index
	next := &b.parts[n][x.hash(serial, n, group)>>(64-coarseBits)]
	t := &x.tables[x.byWidth[n]-1]
	row := t.rows[int(*next)*t.width:]
	*next++
	if n == 8 && x.group == 0 {
		binary.LittleEndian.PutUint64(row, binary.LittleEndian.Uint64(serial))
		w.put(row[8:13])
		return
	}
	copy(row, serial[:n])
	if x.group != 0 {
		binary.LittleEndian.PutUint32(row[n:], group)
	}
	w.put(row[n+x.group:])
}

// finish orders the rows and returns the index. The builder is done with.
func (b *indexBuilder) finish() *index {
	x := b.index
	for i := range x.tables {
		t := &x.tables[i]
		// Every entry has been placed, so each part now ends where it started
		// before.
		ends := b.parts[t.serial]
		bucketBits := 64 - t.shift
		if bucketBits <= coarseBits {
			per := coarse >> bucketBits
			for bucket := 1; bucket < len(t.starts); bucket++ {
				t.starts[bucket] = ends[bucket*per-1]
			}
		} else {
			x.orderParts(t, ends)
		}
		t.sortLargeBuckets(t.width - whenLength)
	}
	return x
}

// orderParts orders the rows of each coarse part by the further bits of their
// hash, by counting.
func (x *index) orderParts(t *table, ends *[coarse]uint32) {
	fineBits := 64 - t.shift - coarseBits
	fine := uint64(1)<<fineBits - 1
	largest, start := uint32(0), uint32(0)
	for _, end := range ends {
		largest = max(largest, end-start)
		start = end
	}
	scratch := make([]byte, int(largest)*t.width+rowPadding)
	buckets := make([]uint32, largest)
	start = 0
	for part, end := range ends {
		counts := t.starts[part<<fineBits+1:][:fine+1]
		rows := t.rows[int(start)*t.width:]
		for i := range int(end - start) {
			row := rows[i*t.width:]
			bucket := x.rowHash(t, row) >> t.shift & fine
			buckets[i] = uint32(bucket)
			counts[bucket]++
		}
		// counts[b] becomes where bucket b goes on, and in the end where it ends,
		// which is what the directory says one place further.
		next := start
		for bucket, count := range counts {
			counts[bucket] = next
			next += count
		}
		copy(scratch, rows[:int(end-start)*t.width])
		for i := range int(end - start) {
			bucket := buckets[i]
			to, from := t.rows[int(counts[bucket])*t.width:], scratch[i*t.width:]
			counts[bucket]++
			if t.width == 8+whenLength {
				*(*[8 + whenLength]byte)(to) = *(*[8 + whenLength]byte)(from)
			} else {
				copy(to[:t.width], from[:t.width])
			}
		}
		start = end
	}
}

// rowHash is the hash of the key that a row starts with.
func (x *index) rowHash(t *table, row []byte) uint64 {
	if x.group == 0 {
		return x.hash(row, t.serial, 0)
	}
	return x.hash(row, t.serial, binary.LittleEndian.Uint32(row[t.serial:]))
}

// sortLargeBuckets sorts, by key, the buckets that are too large to be read
// through: with a random seed those of a serial listed many times.
func (t *table) sortLargeBuckets(keyLength int) {
	for bucket, end := range t.starts[1:] {
		if start := t.starts[bucket]; end-start > sortedBucket {
			sort.Stable(&bucketRows{
				rows:  t.rows[int(start)*t.width : int(end)*t.width],
				width: t.width,
				key:   keyLength,
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
	removed := func(row []byte) bool { return readWhen(row[b.key:]).reason() == ReasonRemoveFromCRL }
	return !removed(x) && removed(y)
}

func (b *bucketRows) Swap(i, j int) {
	n := copy(b.swap[:], b.row(i))
	copy(b.row(i), b.row(j))
	copy(b.row(j), b.swap[:n])
}
