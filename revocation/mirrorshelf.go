// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"slices"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/known"
)

// A shelf is the lists that are known, by where their CAs publish them.
type shelf struct {
	named   map[string][]*List      // complete ones that name their distribution point, by normal URI
	places  map[known.Place][]*List // complete ones that do not, by where they came from
	unnamed []*List                 // complete ones that do not
	deltas  []*List
}

func newShelf(lists []List) *shelf {
	s := &shelf{named: map[string][]*List{}, places: map[known.Place][]*List{}}
	for i := range lists {
		switch l := &lists[i]; {
		case l.Delta:
			s.deltas = append(s.deltas, l)
		case l.Named:
			for _, uri := range l.Points {
				uri = der.NormalURI(uri)
				s.named[uri] = append(s.named[uri], l)
			}
		default:
			s.unnamed = append(s.unnamed, l)
			for _, place := range slices.Concat(l.list.Places, l.list.URLs) {
				s.places[place] = append(s.places[place], l)
			}
		}
	}
	return s
}

// at returns the lists that are published at a URL: those that name it as their
// distribution point, and of those that name none the ones that came from there, or
// that the operator added and that are authoritative for a certificate that named
// the URL. Of a URL that a freshestCRL names these are delta CRLs, and of any other
// never: to a program that does not know them they are complete lists of little.
func (s *shelf) at(url string, u *crlURL) (lists []*List) {
	var questions []*crlQuestion
	if u != nil {
		questions = u.questions()
	}
	covers := func(l *List) bool {
		return slices.ContainsFunc(questions, func(q *crlQuestion) bool {
			_, why := known.Covers(l.list.List, q.subject)
			return why == ""
		})
	}
	if u != nil && u.delta {
		for _, l := range s.deltas {
			if covers(l) {
				lists = append(lists, l)
			}
		}
		return lists
	}
	lists = slices.Concat(s.named[der.NormalURI(url)], s.places[known.PlaceOf(url)])
	for _, l := range s.unnamed {
		if slices.Contains(l.list.Places, known.Added) && covers(l) {
			lists = append(lists, l)
		}
	}
	return lists
}
