// SPDX-License-Identifier: Apache-2.0

package crl

import (
	"bytes"
	"encoding/pem"
	"fmt"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// Split returns the DER of each CRL in a file: one list in DER, or PEM blocks of
// the type X509 CRL, one or several, with any text before, between and behind
// them, such as openssl crl -text writes. A UTF-8 byte order mark is passed over.
// A block of another type, with headers, or that is damaged makes the whole file
// an error: it must not be taken for less than it is. So are more than most blocks,
// of the kind der.ErrTooLarge. The error is a *der.Error.
func Split(data []byte, most int) ([][]byte, error) {
	for _, mark := range []struct{ name, octets string }{{"UTF-16", "\xff\xfe"}, {"UTF-16", "\xfe\xff"}} {
		if bytes.HasPrefix(data, []byte(mark.octets)) {
			return nil, der.Malformed("the file is text in " + mark.name)
		}
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if len(data) == 0 {
		return nil, der.Malformed("the file is empty")
	}
	if data[0] == 0x30 && !bytes.HasPrefix(data, []byte("0\n")) { // a SEQUENCE
		return [][]byte{data}, nil
	}
	begins := bytes.Count(data, []byte(pemStart))
	switch {
	case begins == 0:
		return nil, der.Malformed("neither DER nor a PEM block")
	case begins > most:
		return nil, &der.Error{Kind: der.ErrTooLarge, Detail: fmt.Sprintf("it has %d PEM blocks, more than %d", begins, most)}
	}
	var blocks [][]byte
	for rest := data; begins > 0; begins-- {
		// What stands before the block is text; pem.Decode would look in it.
		at := bytes.Index(rest, []byte(pemStart))
		if content, after, ok := decodeUsual(rest[at:]); ok {
			blocks, rest = append(blocks, content), after
			continue
		}
		block, after := pem.Decode(rest[at:])
		n := len(blocks) + 1
		switch {
		case block == nil || bytes.Count(rest[at:len(rest)-len(after)], []byte(pemStart)) != 1:
			return nil, der.Malformed(fmt.Sprintf("PEM block %d is damaged", n))
		case block.Type != pemType:
			return nil, der.Malformed(fmt.Sprintf("PEM block %d is a %q, not an %q", n, block.Type, pemType))
		case len(block.Headers) > 0:
			return nil, der.Malformed(fmt.Sprintf("PEM block %d has headers", n))
		}
		blocks, rest = append(blocks, block.Bytes), after
	}
	return blocks, nil
}
