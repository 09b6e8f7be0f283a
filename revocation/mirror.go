// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/fetch"
)

// A Mirror is an http.Handler that serves the CRLs of a CRLs, under the host and
// path of their distribution points, to machines that do not reach these
// themselves. A request never causes anything to be fetched: keep CRLs.Run going,
// and set CRLs.KeepDER or a Cache. A Mirror is safe for concurrent use; its fields
// must not change once it is used.
//
// What is served is the verified DER of the point's latest list, while it is
// current, to GET and HEAD, as application/pkix-crl (RFC 5280 section 4.2.1.13): with
// an ETag, a Last-Modified of thisUpdate, and an Expires of the point's next look,
// which is within CRLs.Refresh, or of nextUpdate if that is sooner. Conditional
// requests are answered as RFC 9110 section 13 says, except that an
// If-Modified-Since counts only if it is the very Last-Modified: another server may
// date by when it published.
//
// Status 404 means that the configuration does not want a list served there: Hosts
// does not allow its host, or it is named neither by CRLs.URLs, nor by a certificate
// that CRLs was asked about, nor by Prefixes. Status 503, with Retry-After, means
// that it does, but that no current list signed by one of CAs is known. OCSP
// requests are not relayed.
//
// A client comes in one of three ways: with RewriteHost in its HTTPFetcher, which
// says in a Forwarded header (RFC 7239) whose list it wants; with the Mirror as its
// HTTP proxy, which Java, .NET, curl and HTTPFetcher can have; or by a name server
// that gives the Mirror's address for the distribution point's host. A request that
// names no distribution point's host gets the list of its path, if only one host
// has that path.
//
// The lists are signed and nothing in them is secret, so plain HTTP does inside a
// network: who can change what is on the way can withhold a list or send an older
// one until its nextUpdate, and no more. Delays add up: a revocation reaches a
// client within the Mirror's CRLs.Refresh and the client's own together.
//
// The Mirror keeps nothing for a request, and a list once for all of them. Limits of
// time, of connections and of a request's header are the http.Server's.
type Mirror struct {
	CRLs *CRLs // whose lists are served; required

	// CAs returns the certificates of the CAs whose lists are served, such as the
	// pinned SubCAs and roots, as they are now. It must be safe for concurrent use.
	// Required.
	CAs func() []*x509.Certificate

	// Hosts judges the hosts of distribution points, of http and https URLs; nil:
	// those that HTTPFetcher reaches, crl.nhs.uk and ocsp.nhs.uk.
	Hosts HostPolicy

	// Prefixes are beginnings of URLs: scheme, host, and a path that ends with a
	// slash. A list whose issuingDistributionPoint names a URL below one of them is
	// served there even if nothing else has named that, such as a list from
	// CRLs.Files. Nil: none.
	Prefixes []string

	mu     sync.Mutex // held to make a new index
	latest atomic.Pointer[mirrorIndex]
}

// retryMirror is after how long a client may ask again where a look is under way.
const retryMirror = 15 * time.Second

// Validate returns an error for a Mirror that could serve nothing, or not what it
// says.
func (m *Mirror) Validate() error {
	switch {
	case m.CRLs == nil:
		return errors.New("CRLs is missing")
	case m.CAs == nil:
		return errors.New("CAs is missing")
	case !m.CRLs.keepsDER():
		return errors.New("CRLs keeps no DER: it has neither KeepDER nor a Cache")
	}
	_, err := m.prefixes(context.Background())
	return err
}

// prefixes returns the keys that Prefixes stand for.
func (m *Mirror) prefixes(ctx context.Context) (keys []string, err error) {
	for _, prefix := range m.Prefixes {
		u, err := url.Parse(prefix)
		if err != nil {
			return nil, fmt.Errorf("prefix %q: %w", prefix, err)
		}
		if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || !strings.HasSuffix(prefix, "/") || strings.ContainsAny(prefix, "?#") {
			return nil, fmt.Errorf("prefix %q is not a scheme, http or https, a host, and a path that ends with a slash", prefix)
		}
		if err := m.allowed(ctx, hostOf(u)); err != nil {
			return nil, fmt.Errorf("prefix %q: %w", prefix, err)
		}
		keys = append(keys, mirrorKey(prefix))
	}
	return keys, nil
}

// allowed judges the host of a distribution point.
func (m *Mirror) allowed(ctx context.Context, host string) error {
	if m.Hosts == nil {
		return defaultHosts(ctx, host)
	}
	return m.Hosts(ctx, host)
}

// ServeHTTP implements http.Handler.
func (m *Mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only lists are served, to GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	if m.CRLs == nil || m.CAs == nil {
		http.Error(w, "the mirror is not configured", http.StatusInternalServerError)
		return
	}
	now := m.CRLs.now()
	x := m.index(now)
	p, why := m.find(x, r)
	switch {
	case p == nil:
		http.Error(w, why, http.StatusNotFound)
	case p.list == nil:
		seconds := (p.next(now, retryMirror).Sub(now) + time.Second - 1) / time.Second
		w.Header().Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
		http.Error(w, "no current list is known", http.StatusServiceUnavailable)
	default:
		p.serve(w, r, x.expires(p, now))
	}
}

// find returns the point that a request is for, or why there is none.
func (m *Mirror) find(x *mirrorIndex, r *http.Request) (p *mirrored, why string) {
	scheme := "http://"
	if r.TLS != nil || r.URL.Scheme == "https" {
		scheme = "https://"
	}
	path := r.URL.EscapedPath()
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		path += "?" + r.URL.RawQuery
	}
	for _, host := range []string{forwardedHost(r), r.Host} {
		if strings.ContainsAny(host, "/?#") {
			continue // its end would pass for the path
		}
		key := mirrorKey(scheme + host + path)
		host, _, _ := strings.Cut(key, "/")
		if x.hosts[host] || host != "" && m.allowed(r.Context(), host) == nil {
			if p := x.point(key); p != nil {
				return p, ""
			}
			return nil, "this host has no such distribution point that is served"
		}
	}
	// It came by a name of the Mirror's own.
	_, path, _ = strings.Cut(mirrorKey("http://mirror"+path), "/")
	switch points := x.pointsOf(path); len(points) {
	case 0:
		return nil, "no such distribution point is served"
	case 1:
		return points[0], ""
	}
	return nil, "several hosts have a distribution point of this path: the request does not say whose is wanted"
}

// forwardedHost returns the host that a request was for before it was sent here
// (RFC 7239 section 5.3), as HTTPFetcher writes it; "" if it does not say.
func forwardedHost(r *http.Request) string {
	values := r.Header["Forwarded"]
	if len(values) != 1 {
		return ""
	}
	host, ok := strings.CutPrefix(values[0], forwardedFor)
	if !ok {
		return ""
	}
	return strings.TrimSuffix(host, `"`)
}

// serve answers with the list.
func (p *mirrored) serve(w http.ResponseWriter, r *http.Request, expires time.Time) {
	h := w.Header()
	h["Content-Type"], h["Etag"] = pkixCRL, p.etag
	h.Set("Expires", expires.UTC().Format(http.TimeFormat))
	if r.Method == http.MethodGet && !slices.ContainsFunc(selecting, func(name string) bool { return r.Header[name] != nil }) {
		h["Accept-Ranges"], h["Last-Modified"], h["Content-Length"] = acceptRanges, p.lastModified, p.length
		_, _ = w.Write(p.list.DER) // which ServeContent copies
		return
	}
	if since := r.Header.Get("If-Modified-Since"); since != "" && (p.twin || since != p.lastModified[0]) {
		whole := *r
		whole.Header = r.Header.Clone()
		whole.Header.Del("If-Modified-Since")
		r = &whole
	}
	http.ServeContent(w, r, "", p.list.ThisUpdate, bytes.NewReader(p.list.DER))
}

// selecting are the headers with which a request asks for less than the whole list.
var selecting = []string{"Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"}

var pkixCRL, acceptRanges = []string{"application/pkix-crl"}, []string{"bytes"}

// index returns the index that holds now.
func (m *Mirror) index(now time.Time) *mirrorIndex {
	if x := m.latest.Load(); x != nil && x.holds(m.CRLs, now) {
		return x
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if x := m.latest.Load(); x != nil && x.holds(m.CRLs, now) {
		return x
	}
	x := m.newIndex(now)
	m.latest.Store(x)
	return x
}

// newIndex makes an index of what is known now.
func (m *Mirror) newIndex(now time.Time) *mirrorIndex {
	s := m.CRLs
	s.setUp()
	x := &mirrorIndex{
		changed: s.Changed(), urls: s.published.Load(), // before what is known is read
		from: now, to: now.Add(maxIndexAge), refresh: s.asker.Refresh,
		hosts: map[string]bool{}, points: map[string]*mirrored{}, paths: map[string][]*mirrored{},
	}
	ctx := context.Background()
	x.prefixes, _ = m.prefixes(ctx) // Validate says what is wrong with them
	for _, key := range x.prefixes {
		host, _, _ := strings.Cut(key, "/")
		x.hosts[host] = true
	}
	published := map[*mirrored][]*List{}
	point := func(uri string) *mirrored {
		key := mirrorKey(uri)
		if u, err := url.Parse(uri); key == "" || err != nil || u.User != nil || m.allowed(ctx, hostOf(u)) != nil {
			return nil
		}
		if x.points[key] == nil {
			host, path, _ := strings.Cut(key, "/")
			p := &mirrored{}
			x.hosts[host], x.points[key], x.paths[path] = true, p, append(x.paths[path], p)
		}
		return x.points[key]
	}
	shelf := newShelf(s.Lists(m.CAs()...))
	for _, uri := range s.URLs {
		if p := point(uri); p != nil {
			published[p] = append(published[p], shelf.at(uri, nil)...)
		}
	}
	var deltas []*fetch.Watch
	for _, w := range s.asker.Watches() {
		u, ok := w.Of.(*crlURL)
		if !ok {
			continue
		}
		if u.delta {
			deltas = append(deltas, w)
		} else if p := point(u.url); p != nil {
			p.watches = append(p.watches, w)
			published[p] = append(published[p], shelf.at(u.url, u)...)
		}
	}
	for uri, lists := range shelf.named {
		if x.below(mirrorKey(uri)) {
			if p := point(uri); p != nil {
				published[p] = append(published[p], lists...)
			}
		}
	}
	for _, w := range deltas {
		u := w.Of.(*crlURL)
		if x.points[mirrorKey(u.url)] != nil {
			continue // who asks for a complete list must not get another
		}
		if p := point(u.url); p != nil {
			p.watches = append(p.watches, w)
			published[p] = append(published[p], shelf.at(u.url, u)...)
		}
	}
	for p, lists := range published {
		x.choose(p, lists, now)
	}
	return x
}
