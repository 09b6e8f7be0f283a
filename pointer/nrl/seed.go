// SPDX-License-Identifier: Apache-2.0

package nrl

import (
	"github.com/nrlsecurity/nrlsecurity/pointer"
)

// Seed stores a pointer without a guard, for a test to begin with: a
// DocumentReference of STU3 or R4, in JSON or XML as contentType says, with a
// custodian. It keeps the resource's id, if it has one, and its status: current,
// superseded or entered-in-error. It returns the pointer as it is stored, with
// version 1. The errors are those of a create.
func (s *Store) Seed(contentType string, body []byte) (*pointer.Pointer, error) {
	given, err := pointer.Parse(contentType, body)
	if err != nil {
		return nil, err
	}
	switch {
	case given.Custodian.IsZero():
		return nil, invalid("custodian", "is missing")
	case given.Status != current && given.Status != superseded && given.Status != enteredInError:
		return nil, invalid("status", "is none that a pointer has")
	}
	created := *given
	created.Status = current
	k, err := s.made(contentType, body, &created)
	if err != nil {
		return nil, err
	}
	k.pointer.Status = given.Status
	if given.ID != "" {
		k.pointer.ID = given.ID
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pointers[k.pointer.ID] != nil {
		return nil, refused(pointer.RuleDuplicate, pointer.Query{ID: k.pointer.ID}, "is the id of a pointer that is there already")
	}
	if err := s.room(k); err != nil {
		return nil, err
	}
	s.add(k)
	return copyOf(k.pointer), nil
}
