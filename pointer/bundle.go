// SPDX-License-Identifier: Apache-2.0

package pointer

import "strings"

// maxEntries bounds the entries of a Bundle, each of which may cost a look-up.
const maxEntries = 100

// A bundle is what the guard, or a Resolver over FHIR, needs of a Bundle of
// DocumentReferences.
type bundle struct {
	kind    string
	entries []bundleEntry
	further bool // whether a link says that this is one page of several
}

type bundleEntry struct {
	pointer     *Pointer // nil if there is no resource
	full        string   // the fullUrl; empty if there is none
	method, url string   // of the request; empty if there is none
}

func (r reader) bundle(contentType string, body []byte) (*bundle, error) {
	b := new(bundle)
	if err := read(contentType, body, r, reader.readBundle, b); err != nil {
		return nil, err
	}
	return b, nil
}

func (r reader) readBundle(c cursor, b *bundle) error {
	if err := c.resource("Bundle"); err != nil {
		return err
	}
	for {
		f, err := c.next(bundleLevel)
		if err != nil {
			return err
		}
		switch f {
		case done:
			return nil
		case bundleType:
			b.kind, err = c.text()
			err = in("type", err)
		case link:
			err = in("link", c.each(func() error { return b.readLink(c) }))
		case entry:
			err = in("entry", c.each(func() error {
				if len(b.entries) == maxEntries {
					return &BodyError{Detail: "is there more than 100 times"}
				}
				e, err := r.readEntry(c)
				b.entries = append(b.entries, e)
				return err
			}))
		}
		if err != nil {
			return err
		}
	}
}

func (b *bundle) readLink(c cursor) error {
	if err := c.enter(); err != nil {
		return err
	}
	for {
		f, err := c.next(linkLevel)
		if err != nil || f == done {
			return err
		}
		rel, err := c.text()
		if err != nil {
			return in("relation", err)
		}
		b.further = b.further || strings.EqualFold(rel, "next")
	}
}

func (r reader) readEntry(c cursor) (e bundleEntry, err error) {
	if err := c.enter(); err != nil {
		return bundleEntry{}, err
	}
	for {
		f, err := c.next(entryLevel)
		if err != nil || f == done {
			return e, err
		}
		switch f {
		case fullURL:
			e.full, err = c.text()
			err = in("fullUrl", err)
		case resource:
			e.pointer = new(Pointer)
			err = in("resource", r.pointer(c, e.pointer))
		case request:
			e.method, e.url, err = readRequest(c)
			err = in("request", err)
		}
		if err != nil {
			return bundleEntry{}, err
		}
	}
}

func readRequest(c cursor) (verb, to string, err error) {
	if err := c.enter(); err != nil {
		return "", "", err
	}
	for {
		f, err := c.next(requestLevel)
		if err != nil || f == done {
			return verb, to, err
		}
		switch f {
		case method:
			verb, err = c.text()
			err = in("method", err)
		case address:
			to, err = c.text()
			err = in("url", err)
		}
		if err != nil {
			return "", "", err
		}
	}
}
