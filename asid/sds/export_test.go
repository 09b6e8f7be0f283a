// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"context"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// A Question is a search, as a simulated directory sees it.
type Question struct {
	Base     string
	Children bool
	Filter   string
}

// Entries are the entries of an answer: values by attribute.
type Entries []map[string][]string

type simulated struct {
	ctx    context.Context
	answer func(context.Context, Question) (Entries, error)
}

func (s simulated) search(q search) ([]record, error) {
	entries, err := s.answer(s.ctx, Question{q.base, q.children, q.filter})
	if err != nil {
		return nil, err
	}
	var records []record
	for _, e := range entries {
		r := newRecord()
		for name, values := range e {
			if err := r.add(name, values); err != nil {
				return nil, err
			}
		}
		records = append(records, r)
	}
	return records, nil
}

func (s simulated) pages(_ context.Context, base, filter string, _ []string, add func(record) error) error {
	records, err := s.search(search{base: base, children: true, filter: filter})
	for i := 0; i < len(records) && err == nil; i++ {
		err = add(records[i])
	}
	return err
}

// Simulate has d ask a directory that is not there. It comes in the place of
// Address and Endpoint.
func (d *LDAP) Simulate(answer func(context.Context, Question) (Entries, error)) {
	d.once.Do(func() {
		d.ask = func(ctx context.Context, ask func(searcher) error) error { return ask(simulated{ctx, answer}) }
		d.start()
	})
}

// Absent is what a session says of an entry that is not there.
var Absent error = asid.ErrNotFound
