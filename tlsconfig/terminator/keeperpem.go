// SPDX-License-Identifier: Apache-2.0

package terminator

import (
	"encoding/base64"
	"encoding/binary"
	"io"
	"sync"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// A part is consecutive octets of a list's DER: whole lines of PEM, but for the last.
type part struct {
	der         []byte
	first, last bool // of the list
}

const (
	lineOctets  = 48               // of DER in a line of PEM (RFC 7468 section 2)
	batchOctets = lineOctets << 12 // of DER, encoded and written at once
	batches     = 3                // being encoded or written
)

// writePEM writes lists one behind the other, without a line between them: HAProxy
// takes a blank line for the end. While a batch is written the next ones are encoded,
// since for a large list the one takes as long as the other.
func writePEM(w io.Writer, lists []*revocation.List) error {
	var encoding sync.WaitGroup
	defer encoding.Wait()
	var encoded [batches]chan []byte
	for i := range encoded {
		encoded[i] = make(chan []byte, 1)
		encoded[i] <- make([]byte, 0, batchOctets/3*4+batchOctets/lineOctets+1<<10)
	}
	todo := batchesOf(lists)
	for i := range len(todo) + batches {
		turn := encoded[i%batches]
		text := <-turn
		if len(text) > 0 {
			if _, err := w.Write(text); err != nil {
				return err
			}
		}
		if i < len(todo) {
			encoding.Go(func() { turn <- appendPEM(text[:0], todo[i]) })
		}
	}
	return nil
}

// batchesOf cuts lists into batches of about batchOctets.
func batchesOf(lists []*revocation.List) (all [][]part) {
	var batch []part
	room := batchOctets
	for _, l := range lists {
		for der, first := l.DER, true; first || len(der) > 0; first = false {
			n := min(len(der), room)
			batch = append(batch, part{der: der[:n], first: first, last: n == len(der)})
			der = der[n:]
			if room -= (n + lineOctets - 1) / lineOctets * lineOctets; room == 0 {
				all, batch, room = append(all, batch), nil, batchOctets
			}
		}
	}
	if batch != nil {
		all = append(all, batch)
	}
	return all
}

// appendPEM appends parts as PEM.
func appendPEM(text []byte, parts []part) []byte {
	for _, p := range parts {
		if p.first {
			text = append(text, "-----BEGIN X509 CRL-----\n"...)
		}
		der := p.der
		for ; len(der) >= lineOctets+2; der = der[lineOctets:] {
			text = append(appendLine(text, (*[lineOctets + 2]byte)(der)), '\n')
		}
		for len(der) > 0 {
			n := min(len(der), lineOctets)
			text = append(base64.StdEncoding.AppendEncode(text, der[:n]), '\n')
			der = der[n:]
		}
		if p.last {
			text = append(text, "-----END X509 CRL-----\n"...)
		}
	}
	return text
}

// appendLine appends the base64 of a line, six octets at a time, each read with the two
// behind them. encoding/base64, which takes three at a time, made up most of what a file
// of many lists cost.
func appendLine(text []byte, line *[lineOctets + 2]byte) []byte {
	for i := 0; i < lineOctets; i += 6 {
		v := binary.BigEndian.Uint64(line[i:])
		text = binary.LittleEndian.AppendUint64(text, uint64(digits[v>>52])|uint64(digits[v>>40&0xfff])<<16|uint64(digits[v>>28&0xfff])<<32|uint64(digits[v>>16&0xfff])<<48)
	}
	return text
}

// digits are the two digits of base64 for each 12 bits, the first one low.
var digits = func() (table [1 << 12]uint16) {
	for i := range table {
		table[i] = binary.LittleEndian.Uint16(base64.StdEncoding.AppendEncode(nil, []byte{byte(i >> 4), byte(i << 4), 0}))
	}
	return table
}()
