// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/assert"
)

// pageOf returns a page of records, and the cookie of the next one.
func pageOf(records int, cookie string) *ldap.SearchResult {
	paging := ldap.NewControlPaging(pageSize)
	paging.SetCookie([]byte(cookie))
	page := &ldap.SearchResult{Controls: []ldap.Control{paging}}
	for range records {
		page.Entries = append(page.Entries, ldap.NewEntry("x", map[string][]string{"objectClass": {"nhsAs"}}))
	}
	return page
}

func TestADirectoryThatGivesNoRecordIsNotReadForEver(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		page    func(n int) *ldap.SearchResult
		pages   int
		records int
		err     error
	}{
		"one page":           {func(int) *ldap.SearchResult { return pageOf(3, "") }, 1, 3, nil},
		"no record":          {func(int) *ldap.SearchResult { return pageOf(0, "") }, 1, 0, nil},
		"always without one": {func(int) *ldap.SearchResult { return pageOf(0, "more") }, maxEmptyPages + 1, 0, ErrPartial},
		"few between many": {func(n int) *ldap.SearchResult {
			if n == 3*maxEmptyPages {
				return pageOf(0, "")
			}
			return pageOf(min(n%maxEmptyPages, 1)^1, "more")
		}, 3*maxEmptyPages + 1, 3, nil},
		"no word of the next": {func(int) *ldap.SearchResult { return new(ldap.SearchResult) }, 1, 0, ErrPartial},
	} {
		asked, records, cookies := 0, 0, 0
		err := eachPage(t.Context(), func() (*ldap.SearchResult, error) {
			asked++
			return c.page(asked - 1), nil
		}, func(cookie []byte) {
			cookies++
			assert.Equal(t, "more", string(cookie))
		}, func(record) error {
			records++
			return nil
		})
		assert.ErrorIs(t, err, c.err, name)
		assert.Equal(t, c.pages, asked, name)
		assert.Equal(t, c.records, records, name)
		assert.Equal(t, asked-1, cookies, name)
	}
}
