// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/internal/regular"
)

// The bounds of LDIF: one value with its continuation lines, and one record.
const (
	maxLine   = 1 << 20
	maxRecord = 16 << 20
)

// LDIF returns a source for a [Snapshot] that reads a file of LDIF (RFC 2849) with
// the directory's records, such as a bulk export. They are as old as the file, by its
// time of modification: an export that is not replaced gets too old.
func LDIF(name string) func(context.Context) (Systems, error) {
	return func(ctx context.Context) (Systems, error) {
		if name == "" {
			return Systems{}, misconfigured("the export's name", "is missing")
		}
		file, err := regular.Open(name)
		if err != nil {
			return Systems{}, &Error{Detail: "the export cannot be read", Err: err}
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return Systems{}, &Error{Detail: "the export cannot be read", Err: err}
		}
		all, err := ReadLDIF(ctx, file)
		all.Since = info.ModTime()
		return all, err
	}
}

// ReadLDIF reads the systems of an export in LDIF: content, not changes. Records of
// other classes than nhsAs and nhsMhs are passed over. A record of an ASID that is
// there several times counts if each says the same; if not, that ASID cannot be
// told and the others are not affected. An export was cut off if its last line has no
// end, or its last record no empty line behind it, as all exporting tools write one.
// A cut between two records cannot be seen here, but [Snapshot] compares how many
// there are. More than 16,777,216 records, and more than 4 GiB of what is kept of
// them, are an error. The error is an [*Error].
func ReadLDIF(ctx context.Context, r io.Reader) (Systems, error) {
	l := &ldifReader{r: bufio.NewReaderSize(r, 64<<10)}
	c := newCollector(false)
	for n := 0; ; n++ {
		if n%1000 == 0 && ctx.Err() != nil {
			return Systems{}, &Error{Detail: "the export was not read to its end", Err: ctx.Err()}
		}
		found, err := l.record()
		if err == io.EOF {
			return c.systems()
		}
		if err == nil {
			err = c.add(found)
		}
		if err != nil {
			return Systems{}, &Error{Detail: fmt.Sprintf("the export's line %d", l.line), Err: err}
		}
	}
}

// An ldifReader reads records.
type ldifReader struct {
	r    *bufio.Reader
	line int
	next []byte // the line after the present one
	done bool   // there is no line after the present one
	read bool   // whether next is set
}

// record returns the next record, or io.EOF.
func (l *ldifReader) record() (record, error) {
	found, size := newRecord(), 0
	dn := false
	values := make(map[string][]string)
	for {
		line, err := l.unfolded()
		if err != nil && err != io.EOF {
			return record{}, err
		}
		if err == io.EOF || len(line) == 0 {
			if !dn && err == nil {
				continue // several empty lines
			}
			if !dn {
				return record{}, io.EOF
			}
			if err == io.EOF {
				return record{}, fmt.Errorf("no empty line ends the last record: %w", ErrPartial)
			}
			for name, list := range values {
				if err := found.add(name, list); err != nil {
					return record{}, err
				}
			}
			return found, nil
		}
		if size += len(line); size > maxRecord {
			return record{}, fmt.Errorf("a record has more than %d bytes", maxRecord)
		}
		name, value, err := split(line)
		if err != nil {
			return record{}, err
		}
		switch name {
		case "version":
			if dn || value != "1" {
				return record{}, errors.New("a version other than 1, or not at the beginning")
			}
		case "dn":
			if dn {
				return record{}, errors.New("two names in one record")
			}
			dn = true
		case "changetype", "control":
			return record{}, errors.New("changes in the place of content")
		default:
			if !dn {
				return record{}, errors.New("a record without a name")
			}
			values[name] = append(values[name], value)
		}
	}
}

// unfolded returns the next line with those that continue it, comments passed over;
// an empty line ends a record.
func (l *ldifReader) unfolded() ([]byte, error) {
	for {
		line, err := l.take()
		if err != nil {
			return nil, err
		}
		joined := false
		for {
			more, err := l.peek()
			if err != nil && err != io.EOF {
				return nil, err
			}
			if err == io.EOF || len(more) == 0 || more[0] != ' ' || len(line) == 0 {
				break
			}
			if !joined {
				line, joined = bytes.Clone(line), true
			}
			if line = append(line, more[1:]...); len(line) > maxLine {
				return nil, fmt.Errorf("a value has more than %d bytes", maxLine)
			}
			if _, err := l.take(); err != nil {
				return nil, err
			}
		}
		if len(line) > 0 && line[0] == '#' {
			continue
		}
		return line, nil
	}
}

// peek returns the next physical line without taking it.
func (l *ldifReader) peek() ([]byte, error) {
	if l.read {
		return l.next, nil
	}
	if l.done {
		return nil, io.EOF
	}
	var line []byte
	for {
		part, err := l.r.ReadSlice('\n')
		if line = append(line, part...); len(line) > maxLine {
			return nil, fmt.Errorf("a line has more than %d bytes", maxLine)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if err == io.EOF {
			l.done = true
			if len(line) == 0 {
				return nil, io.EOF
			}
			return nil, fmt.Errorf("the last line has no end: %w", ErrPartial)
		} else if err != nil {
			return nil, err
		}
		break
	}
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	l.next, l.read = line, true
	return line, nil
}

func (l *ldifReader) take() ([]byte, error) {
	line, err := l.peek()
	if err != nil {
		return nil, err
	}
	l.line++
	l.next, l.read = nil, false
	return line, nil
}

// split returns the name, in lower case, and the value of a line: plain after one
// colon and in Base64 after two. Values at a URL are not read.
func split(line []byte) (name, value string, err error) {
	left, rest, found := bytes.Cut(line, []byte(":"))
	if !found || len(left) == 0 {
		return "", "", fmt.Errorf("%.40q is no name and value", line)
	}
	name = strings.ToLower(string(left))
	switch {
	case bytes.HasPrefix(rest, []byte(":")):
		decoded, err := base64.StdEncoding.DecodeString(string(bytes.TrimLeft(rest[1:], " ")))
		if err != nil {
			return "", "", fmt.Errorf("the value of %.40q is not Base64: %w", name, err)
		}
		return name, string(decoded), nil
	case bytes.HasPrefix(rest, []byte("<")):
		return "", "", fmt.Errorf("the value of %.40q is elsewhere", name)
	}
	return name, string(bytes.TrimLeft(rest, " ")), nil
}
