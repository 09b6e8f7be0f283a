// SPDX-License-Identifier: Apache-2.0

package crl

import (
	"encoding/binary"
	"math/bits"
	"sync"
)

// An index answers whether a serial number is listed. What it answers never changes;
// it is safe for concurrent use.
//
// Serials are compared as the content octets of their DER INTEGER, which are
// unique to a number. Entries whose keys are equally long share a table: rows of
// fixed width in parts by the top bits of a keyed hash. The rows of a part are
// put into buckets of about four, by further bits of the hash, when the part is
// first searched: most parts of most CRLs never are, and a quarter of the work of
// loading one is saved. Each row has a tag of eight more bits of its hash, and only
// rows whose tag is right are compared. So a look-up reads a directory and a few
// tags at once, which are small enough to stay in the cache, and hardly any row if
// the serial is not listed; an entry takes its key, 5 octets of date and reason, and
// about two of directory and tag.
//
// The rows of a list whose DER stays in memory say where in it the serial is in place of
// a key. Date and reason they have too: were they read from the DER, which is too large for
// the cache, a look-up of a serial that is listed would take half as long again.
//
// The hash only spreads the rows: a match is always of the whole key. Its seed is
// random, so that an attacker cannot choose serials that fall into one bucket; the same
// serial listed many times does, and such buckets are sorted and searched by
// halves.
type index struct {
	seed   [2]uint64
	octets []byte // revokedCertificates, in which rows say where their serial is; nil: rows have keys
	group  int    // octets after the serial that name its certificate issuer: groupLength, or none
	tables [maxSerialLength + 1]*table
	count  int
}

const (
	groupLength = 4
	whenLength  = 5
	placeLength = 4 // of where a serial is

	// sortedBucket is the number of rows from which a bucket is sorted and
	// searched by halves.
	sortedBucket = 32
)

// A table holds the rows with keys of one length.
type table struct {
	serial int   // octets of a serial
	width  int   // octets of a row
	bits   uint8 // how many of the top bits of a hash say which part a row is in
	parts  []part
	filling
}

// A filling is what a table has while rows are added: room for those of all parts, and
// where the rows of each part end. Together the ends are small enough to stay in the
// cache. A part that needs more room has its rows already.
type filling struct {
	rows []byte
	room int // octets for each part
	ends []int
}

// part returns the number of the part that a hash belongs to.
func (t *table) part(hash uint64) int { return int(hash >> (64 - t.bits)) }

// A part holds the rows of a table whose hashes begin with the same bits. Once it
// has been ordered it does not change.
type part struct {
	rows   []byte
	starts []uint32 // of the buckets; one more than there are
	tags   []byte   // of the rows
	shift  uint8    // how far a hash less the bits of the part is shifted to give its bucket
	once   sync.Once
}

// hash spreads the serial of n octets at the start of b, which must be readable
// for eight octets even where n is less.
func (x *index) hash(b []byte, n int, group uint32) uint64 {
	if n < 8 { // what is behind the serial does not matter
		return x.mix(uint64(group), binary.LittleEndian.Uint64(b)<<(64-8*uint(n)))
	}
	return x.hashLong(b, n, group)
}

// hashLong is hash for serials of at least eight octets. It takes eight octets at a
// time from the end; the first ones may be taken twice.
func (x *index) hashLong(b []byte, n int, group uint32) uint64 {
	h := uint64(group)
	for i := n - 8; i > -8; i -= 8 {
		h = x.mix(h, binary.LittleEndian.Uint64(b[max(i, 0):]))
	}
	return h
}

func (x *index) mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^x.seed[0], b^x.seed[1])
	return hi ^ lo
}

// key returns the key that a row has.
func (x *index) key(t *table, row []byte) []byte {
	if x.octets != nil {
		return x.octets[binary.LittleEndian.Uint32(row):][:t.serial]
	}
	return row[:t.serial+x.group]
}

// groupOf returns the certificate issuer's group that a row has.
func (x *index) groupOf(t *table, row []byte) uint32 {
	if x.group == 0 {
		return 0
	}
	return binary.LittleEndian.Uint32(row[t.serial:])
}

// when returns the date and reason that a row has.
func (t *table) when(row []byte) when { return readWhen(row[t.width-whenLength:]) }

// tagsAtOnce is how many tags are compared at once. As many octets follow the last one.
const tagsAtOnce = 8
