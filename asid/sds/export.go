// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"context"
	"fmt"

	"github.com/go-ldap/ldap/v3"
)

// Systems is a source for a [Snapshot]: it reads the whole directory, page by page
// (RFC 2696). A directory whose limits do not allow that answers with an error that
// wraps [ErrPartial]. The Canary is asked before and after, and must be among what
// was read. ctx bounds the whole, Timeout each page; how much is read is bounded as
// for [ReadLDIF].
func (d *LDAP) Systems(ctx context.Context) (Systems, error) {
	if err := d.Validate(); err != nil {
		return Systems{}, err
	}
	var all Systems
	err := d.ask(ctx, func(s searcher) error {
		if err := d.shown(s); err != nil {
			return err
		}
		c := newCollector(d.Clients) // anew, if the connection ended and all is asked again
		for class, attributes := range map[string][]string{"nhsAs": asAttributes, "nhsMhs": mhsAttributes} {
			attributes = append([]string{"objectClass"}, attributes...)
			if err := s.pages(ctx, d.base(), "(objectClass="+class+")", attributes, c.add); err != nil {
				return err
			}
		}
		// Access may have been lost in between, for the whole or for a class.
		if !d.Canary.IsZero() && c.records[d.Canary] == nil {
			return &Error{Subject: subject(d.Canary), Detail: "is not among what was read", Err: ErrCanary}
		}
		if err := d.shown(s); err != nil {
			return err
		}
		var err error
		all, err = c.systems()
		return err
	})
	if err != nil {
		return Systems{}, &Error{Detail: "the directory was not read to its end", Err: hide(err)}
	}
	return all, nil
}

// shown asks for the canary, if there is one.
func (d *LDAP) shown(s searcher) error {
	if d.Canary.IsZero() {
		return nil
	}
	return d.canary(s)
}

// pageSize is below the limits that directories commonly have for one answer.
const pageSize = 250

// maxEmptyPages bounds the pages without a record, one after the other, that a directory
// may give before the next one with some.
const maxEmptyPages = 1000

// pages implements searcher.
func (s *session) pages(ctx context.Context, base, filter string, attributes []string, add func(record) error) error {
	paging := ldap.NewControlPaging(pageSize)
	return eachPage(ctx, func() (*ldap.SearchResult, error) {
		return s.ask(ldap.NewSearchRequest(base, ldap.ScopeSingleLevel, ldap.NeverDerefAliases, 0, 0, false, filter, attributes, []ldap.Control{paging}))
	}, paging.SetCookie, add)
}

// eachPage hands the entries of each page that ask returns to add, and sets the cookie of
// the next one.
func eachPage(ctx context.Context, ask func() (*ldap.SearchResult, error), setCookie func([]byte), add func(record) error) error {
	for empty := 0; ; {
		result, err := ask()
		if err != nil {
			return partial(err)
		}
		if len(result.Referrals) > 0 {
			return fmt.Errorf("the directory refers to another one: %w", ErrPartial)
		}
		records, err := readEntries(result.Entries)
		if err != nil {
			return err
		}
		for _, r := range records {
			if err := add(r); err != nil {
				return err
			}
		}
		answer, ok := ldap.FindControl(result.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if !ok {
			return fmt.Errorf("the directory does not say whether there are more pages: %w", ErrPartial)
		}
		if len(answer.Cookie) == 0 {
			return nil
		}
		if empty++; len(records) > 0 {
			empty = 0
		}
		if empty > maxEmptyPages {
			return fmt.Errorf("the directory gave %d pages without a record: %w", empty, ErrPartial)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		setCookie(answer.Cookie)
	}
}
