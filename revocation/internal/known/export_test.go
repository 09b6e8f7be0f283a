// SPDX-License-Identifier: Apache-2.0

package known

import "sync"

// BoundedReplies drops answers about one certificate if there are too many. To
// fill a set with as many takes minutes.
func BoundedReplies(replies []*Reply) []*Reply { return boundedReplies(replies) }

// BoundOctets sets how many octets of lists may wait for their signer.
func (s *Lists) BoundOctets(most int) { s.most = most }

// Keys returns under how many keys there is something.
func (s *Answers) Keys() int { return keysIn(&s.buckets.documents) }

// Keys returns under how many keys there is something.
func (s *Lists) Keys() int { return keysIn(&s.buckets.documents) }

func keysIn(m *sync.Map) (n int) {
	m.Range(func(any, any) bool { n++; return true })
	return n
}
