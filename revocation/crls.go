// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"crypto/x509"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
	"github.com/nrlsecurity/nrlsecurity/internal/record"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/crl"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/fetch"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/known"
)

// CRLs is a Source of certificate revocation lists: complete, delta,
// partitioned and indirect ones (RFC 5280 section 6.3.3). What is known is a set
// of lists that only grows: it does not matter in which order they came, or
// whether from the distribution points that the certificates name, from Files,
// URLs, Add or the Cache. The zero value knows none and clears nothing. A CRLs is
// safe for concurrent use; its fields must not change once it is used.
type CRLs struct {
	Fetcher Fetcher // nil: nothing is fetched
	Cache   Cache   // nil: memory only; what is read from it is verified again

	// Issuers are further certificates that may have signed a CRL: CRL issuers
	// apart from the CA, and the other keys of a CA that signs one list for all of
	// them. Each needs a path to the root of the certificate in question and must
	// not be revoked. A CA that keeps one list per key does not belong here with
	// its other keys: the list of one key says nothing of the certificates that
	// were signed with another.
	Issuers []*x509.Certificate

	// Files are CRL files that are followed: each is read when first needed and
	// again every minute. A file is one CRL in DER, or PEM blocks with any text
	// between them. What a file has held counts until the CA supersedes it.
	Files []string

	// URLs are fetched from the start and kept fresh, whether or not a
	// certificate names them: a mirror of a distribution point that has only an
	// ldap URL, the list of an authority, or the lists to have before serving.
	URLs []string

	// Refresh is the time within which each distribution point that certificates
	// name is looked after again while Run is going, fetching included; zero: an
	// hour. Less than about 15 s makes no difference: no URL is asked more often.
	Refresh time.Duration

	// KeepDER keeps the octets of each list in memory, for Lists. With a Cache they
	// are there in any case.
	KeepDER bool

	MaxBytes int64        // per CRL; zero: 64 MiB
	Logger   *slog.Logger // nil: none

	// Time is the clock by which points are looked after; nil: time.Now. While Run is going
	// what was superseded a day before it is forgotten, so that a Checker's Time that is
	// set to the past needs the same here.
	Time func() time.Time

	once    sync.Once
	lists   known.Lists
	asker   fetch.Asker
	answers answers
	shared  shared
	latest  atomic.Int64 // the latest time asked about, in seconds since 1970
	runs    atomic.Int64 // calls of Run that are going
	files   []*fetch.Watch
	urls    []*fetch.Watch
	cas     atomic.Pointer[[]*x509.Certificate] // that Lists was asked about, the latest first

	late      bounded.Late  // records that are not waited for any more
	published atomic.Uint64 // changes with the URLs that are looked after, and with what comes from them
}

// maxCRLBytes is the default of CRLs.MaxBytes: two million entries.
const maxCRLBytes = 64 << 20

// addAll puts what the operator added into the set.
func (s *CRLs) addAll(lists []parsedCRL, source string) error {
	for _, l := range lists {
		if s.take(l, s.askedCAs(), known.Added, known.Added).Full {
			return &CRLError{Source: source, Err: ErrTooLarge, Detail: tooManyWait}
		}
	}
	return nil
}

const tooManyWait = "too many CRLs wait for a certificate of their issuer"

// A parsedCRL is a list with its DER.
type parsedCRL struct {
	list *crl.List
	raw  []byte
}

// readCRLs reads a file of at most so many CRLs. The error is a *CRLError.
func (s *CRLs) readCRLs(data []byte, source string, most int) (lists []parsedCRL, err error) {
	blocks, err := crl.Split(data, most)
	if err != nil {
		return nil, crlError(source, err)
	}
	for _, raw := range blocks {
		l, err := s.parse(raw, source)
		if err != nil {
			return nil, crlError(source, err)
		}
		lists = append(lists, parsedCRL{l, raw})
	}
	return lists, nil
}

// parse reads a CRL, and lets it look its entries up in octets that are kept anyway,
// unless a Fetcher or a Cache of the user's may have them too: if it wrote to them, a
// certificate that is revoked would not be found.
func (s *CRLs) parse(raw []byte, source string) (*crl.List, error) {
	_, fetcher := s.Fetcher.(*HTTPFetcher)
	_, cache := s.Cache.(DirCache)
	if s.keepsDER() && (fetcher || s.Fetcher == nil) && (cache || s.Cache == nil) {
		return crl.ParseInPlace(raw, source)
	}
	return crl.Parse(raw, source)
}

// take puts a list into the set, and into the Cache if it verifies with the key
// of one of the certificates or of Issuers.
func (s *CRLs) take(l parsedCRL, path []*x509.Certificate, origin known.Place, places ...known.Place) known.Change {
	raw := l.raw
	if !s.keepsDER() {
		raw = nil
	}
	list := known.NewList(l.list, raw, origin, places...)
	change := s.lists.Offer(list, slices.Concat(path, s.Issuers), s.horizon())
	s.logChange(list, change)
	if change.Stored {
		for _, key := range list.Keys() {
			s.shared.merge(key)
		}
	}
	return change
}

// logChange logs that a list takes the place of another, that a source is behind,
// and that a CA's numbers and times run against each other.
func (s *CRLs) logChange(l *known.List, c known.Change) {
	attrs := []slog.Attr{
		slog.String("source", l.Source()), slog.String("scope", l.ScopeText()), slog.Any("number", l.Number()),
		slog.Time("this_update", l.ThisUpdate()), slog.Time("next_update", l.NextUpdate()), slog.Int("entries", l.Len()),
	}
	switch {
	case !c.New || !c.Verified:
	case c.Against:
		s.log(slog.LevelWarn, "CRL whose number and thisUpdate run against those of another", attrs...)
	case c.Superseded:
		s.log(slog.LevelWarn, "CRL older than one that is known", attrs...)
	case c.Supersedes:
		s.log(slog.LevelInfo, "CRL replaced", attrs...)
	}
}

// under returns what is known under a key of the Cache.
func (s *CRLs) under(key string) (members []known.Member) {
	for _, l := range s.lists.Under(key) {
		for _, o := range l.Orders() {
			members = append(members, known.Member{Order: o.String(), Digest: l.Digest(), Bytes: l.Raw})
		}
	}
	return members
}

// takeMember verifies a document of the Cache. Of what else the member says only
// the place is used, which nothing but the member can say.
func (s *CRLs) takeMember(m *known.Member, key string, path []*x509.Certificate) error {
	l, err := s.parse(m.Bytes, "cache")
	if err != nil {
		return crlError("cache", err)
	}
	place := known.Added
	if o, ok := known.ParseOrder(m.Order); ok {
		place = o.Place
	} else if !l.Scoped() {
		return &CRLError{Source: "cache", Err: ErrMalformed, Detail: "it does not say where the list came from"}
	}
	list := known.NewList(l, m.Bytes, known.PlaceOf("cache "+key), place)
	if s.lists.Offer(list, slices.Concat(path, s.askedCAs(), s.Issuers), s.horizon()).Full {
		return &CRLError{Source: "cache", Err: ErrTooLarge, Detail: tooManyWait}
	}
	return nil
}

func (s *CRLs) look(watches []*fetch.Watch) { look(&s.asker, s.now, watches) }

func (s *CRLs) now() time.Time {
	if s.Time != nil {
		return s.Time()
	}
	return time.Now()
}

// horizon is the time a day before which what is superseded may be forgotten.
func (s *CRLs) horizon() time.Time { return horizon(s.latest.Load(), s.runs.Load(), s.now) }

func (s *CRLs) log(level slog.Level, message string, attrs ...slog.Attr) {
	record.Writer{Logger: s.Logger, Late: &s.late}.Write(context.Background(), level, message, attrs...)
}

// maxAskedCAs bounds the CAs that Lists remembers. They come from the program's
// own configuration, which changes a few times a year.
const maxAskedCAs = 1000

// rememberCAs adds the CAs of one caller of Lists to those of the others, so that what
// comes between their calls is verified for each.
func (s *CRLs) rememberCAs(cas []*x509.Certificate) {
	for {
		before := s.cas.Load()
		all := slices.Clone(cas)
		if before != nil {
			all = slices.Concat(cas, slices.DeleteFunc(slices.Clone(*before), func(c *x509.Certificate) bool {
				return slices.ContainsFunc(cas, c.Equal)
			}))
		}
		all = all[:min(len(all), maxAskedCAs)]
		if s.cas.CompareAndSwap(before, &all) {
			return
		}
	}
}

// askedCAs returns the CAs that Lists was asked about.
func (s *CRLs) askedCAs() []*x509.Certificate {
	if cas := s.cas.Load(); cas != nil {
		return *cas
	}
	return nil
}

// share puts lists into the Cache that were verified after they had come.
func (s *CRLs) share(verified []*known.List) {
	for _, l := range verified {
		for _, key := range l.Keys() {
			s.shared.merge(key)
		}
	}
}

// keepsDER reports whether the octets of lists are kept.
func (s *CRLs) keepsDER() bool { return s.Cache != nil || s.KeepDER }

func (s *CRLs) maxBytes() int64 {
	if s.MaxBytes > 0 {
		return s.MaxBytes
	}
	return maxCRLBytes
}
