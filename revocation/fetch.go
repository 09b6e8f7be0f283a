// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// HTTPFetcher is the Fetcher for http and https URLs. It follows no redirect,
// decodes no Content-Encoding, sends no cookie and reads at most as much as it
// was asked for; what comes must come in full. It does not mind the
// Content-Type: what a document is shows when it is parsed, and its signature
// says the rest. A host must be written in ASCII (RFC 5280 section 7.4). The zero
// value reaches crl.nhs.uk and ocsp.nhs.uk only. An HTTPFetcher is safe for
// concurrent use; its fields must not change once it is used.
type HTTPFetcher struct {
	// Client makes the requests; nil: one of its own, with the proxy that the
	// environment names. It takes 5 s for a connection and 5 s until the answer
	// begins, for the rest as long as the context gives it, 5 minutes at most,
	// and connects to no address of loopback, link-local or multicast unless
	// Hosts allowed that very address. With a client of the user's, connecting
	// is its business, and its Timeout counts.
	Client *http.Client

	// Hosts judges the URL in the certificate; nil: AllowHosts("crl.nhs.uk",
	// "ocsp.nhs.uk").
	Hosts HostPolicy

	// Rewrite says where to go instead, after Hosts has agreed; nil: as the URL
	// stands. What it returns, and a proxy, is the operator's word: addresses
	// are not checked then. If that is another host, the request says in a
	// Forwarded header (RFC 7239) which one it was for, so that a Mirror can tell
	// distribution points of the same path apart.
	Rewrite func(*url.URL) (*url.URL, error)

	// UserAgent is the header of that name; empty: "nrlsecurity". Some egress
	// proxies let through by it.
	UserAgent string

	once sync.Once
	own  *http.Client
}

const (
	connectTimeout   = 5 * time.Second // for the address, for TLS and for the answer's header, each
	requestTimeout   = 5 * time.Minute // a CRL of a million entries has 40 MB
	maxHeaderBytes   = 64 << 10
	maxRetryAfter    = 24 * time.Hour
	identityEncoding = "identity"
	userAgent        = "nrlsecurity"
)

var defaultHosts = AllowHosts("crl.nhs.uk", "ocsp.nhs.uk")

// Fetch implements Fetcher. The error is a *FetchError; errors.Is finds
// ErrHostNotAllowed and ErrTooLarge in it.
func (f *HTTPFetcher) Fetch(ctx context.Context, r Request) (*Response, error) {
	response, err := f.fetch(ctx, r)
	if err == nil {
		return response, nil
	}
	if already, ok := errors.AsType[*FetchError](err); ok {
		return nil, already
	}
	return nil, &FetchError{URL: r.URL, Err: err}
}

func (f *HTTPFetcher) fetch(ctx context.Context, r Request) (*Response, error) {
	if r.MaxBytes <= 0 {
		return nil, errors.New("the request has no limit")
	}
	request, err := f.request(ctx, r)
	if err != nil {
		return nil, err
	}
	answer, err := f.client().Do(request)
	if err != nil {
		// Its text repeats the method and the URL.
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err
		}
		return nil, err
	}
	defer answer.Body.Close()
	return read(answer, r)
}

// request makes the HTTP request and decides whether it may be made.
func (f *HTTPFetcher) request(ctx context.Context, r Request) (*http.Request, error) {
	u, err := url.Parse(r.URL)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Opaque != "" {
		return nil, fmt.Errorf("%w: only http and https are fetched", ErrHostNotAllowed)
	}
	// net/http would map such a name to another one, which the check of its
	// address would not know. A certificate has it in ASCII (RFC 5280 section 7.4).
	if strings.ContainsFunc(u.Host, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return nil, fmt.Errorf("%w: the host is not written in ASCII", ErrHostNotAllowed)
	}
	if u.User != nil {
		return nil, fmt.Errorf("%w: the URL has user information", ErrHostNotAllowed)
	}
	hosts := f.Hosts
	if hosts == nil {
		hosts = defaultHosts
	}
	if err := hosts(ctx, hostOf(u)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHostNotAllowed, err)
	}
	_, notAddress := netip.ParseAddr(u.Hostname())
	if f.Rewrite == nil && notAddress != nil {
		ctx = context.WithValue(ctx, checkedHost{}, net.JoinHostPort(u.Hostname(), portOf(u)))
	}
	from := u.Host
	if f.Rewrite != nil {
		if u, err = f.Rewrite(u); err != nil {
			return nil, err
		}
		if u == nil {
			return nil, errors.New("neither a URL nor an error came from Rewrite")
		}
	}
	to := *u
	to.Fragment, to.RawFragment = "", ""
	method, body := http.MethodGet, io.Reader(http.NoBody)
	if r.Body != nil {
		method, body = http.MethodPost, bytes.NewReader(r.Body)
	}
	request, err := http.NewRequestWithContext(ctx, method, to.String(), body)
	if err != nil {
		return nil, err
	}
	// A question may be asked twice: a client that keeps connections may send it
	// again where the server has closed one. An empty value is not sent.
	request.Header["Idempotency-Key"] = []string{}
	request.Header.Set("User-Agent", cmp.Or(f.UserAgent, userAgent))
	// Named outright, it keeps net/http from decoding by itself.
	request.Header.Set("Accept-Encoding", identityEncoding)
	for name, value := range map[string]string{
		"Content-Type": r.ContentType, "If-None-Match": r.ETag, "If-Modified-Since": r.LastModified,
	} {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	if !strings.EqualFold(u.Host, from) && !strings.ContainsAny(from, `"\\`) {
		request.Header.Set("Forwarded", forwardedFor+from+`"`)
	}
	if r.NoCache {
		request.Header.Set("Cache-Control", "no-cache")
	}
	return request, nil
}

// read judges the answer and reads its body.
func read(answer *http.Response, r Request) (*Response, error) {
	fail := &FetchError{URL: r.URL, StatusCode: answer.StatusCode, RetryAfter: retryAfter(answer)}
	switch {
	case answer.StatusCode == http.StatusNotModified:
		if r.ETag == "" && r.LastModified == "" {
			fail.Err = errors.New("not modified, but the request was not conditional")
			return nil, fail
		}
		return &Response{NotModified: true, ETag: r.ETag, LastModified: r.LastModified}, nil
	case answer.StatusCode >= 300 && answer.StatusCode < 400:
		fail.Err = fmt.Errorf("the redirect to %s is not followed; Rewrite may go there", quote(answer.Header.Get("Location")))
		return nil, fail
	case answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusNonAuthoritativeInfo:
		return nil, fail
	case answer.Uncompressed || !plain(answer.Header.Values("Content-Encoding")):
		fail.Err = fmt.Errorf("the answer has the Content-Encoding %s, though none was allowed", quote(strings.Join(answer.Header.Values("Content-Encoding"), ", ")))
		return nil, fail
	case answer.ContentLength > r.MaxBytes:
		fail.Err = fmt.Errorf("%w: %d bytes, of at most %d", ErrTooLarge, answer.ContentLength, r.MaxBytes)
		return nil, fail
	}
	body, err := readBody(answer, r.MaxBytes)
	if err == nil {
		err = notADocument(answer, body)
	}
	if err != nil {
		fail.Err = err
		return nil, fail
	}
	return &Response{
		Body:         body,
		ETag:         answer.Header.Get("ETag"),
		LastModified: answer.Header.Get("Last-Modified"),
	}, nil
}

// readBody reads the body into a buffer of its size, where that is said.
func readBody(answer *http.Response, most int64) ([]byte, error) {
	var body bytes.Buffer
	if answer.ContentLength > 0 {
		body.Grow(int(answer.ContentLength) + bytes.MinRead)
	}
	if _, err := body.ReadFrom(io.LimitReader(answer.Body, most+1)); err != nil {
		return nil, err
	}
	if int64(body.Len()) > most {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, most)
	}
	return body.Bytes(), nil
}

// notADocument says what came where it can be told at a glance that it is neither
// DER nor PEM: a parser would say what it is not.
func notADocument(answer *http.Response, body []byte) error {
	what := ""
	switch text := bytes.TrimSpace(body[:min(len(body), 512)]); {
	case bytes.HasPrefix(text, []byte("<")):
		what = "a web page, as a log-in portal or a proxy sends it"
	case bytes.HasPrefix(body, []byte{0x1f, 0x8b}):
		what = "a gzip file"
	case bytes.HasPrefix(body, []byte("PK\x03\x04")):
		what = "a zip file"
	default:
		return nil
	}
	return fmt.Errorf("%w: what came, as %s, is %s", ErrMalformed, quote(answer.Header.Get("Content-Type")), what)
}

func plain(encodings []string) bool {
	for _, encoding := range encodings {
		if encoding = strings.TrimSpace(encoding); encoding != "" && !strings.EqualFold(encoding, identityEncoding) {
			return false
		}
	}
	return true
}

// retryAfter reads Retry-After, a number of seconds or a date (RFC 9110 section
// 10.2.3).
func retryAfter(answer *http.Response) time.Duration {
	value := answer.Header.Get("Retry-After")
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(time.Until(date), 0), maxRetryAfter)
}

// client returns the client that makes the requests.
func (f *HTTPFetcher) client() *http.Client {
	f.once.Do(func() {
		client := http.Client{Timeout: requestTimeout, Transport: newTransport()}
		if f.Client != nil {
			client = *f.Client
			client.Jar = nil
		}
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		f.own = &client
	})
	return f.own
}

// checkedHost is the key, in a request's context, of the host and port whose
// address must be an ordinary one.
type checkedHost struct{}

func newTransport() *http.Transport {
	checked, plain := net.Dialer{Timeout: connectTimeout, Control: refuseSpecial}, net.Dialer{Timeout: connectTimeout}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			// A proxy's address is another than that of the host asked for.
			if host, ok := ctx.Value(checkedHost{}).(string); ok && strings.EqualFold(host, address) {
				return checked.DialContext(ctx, network, address)
			}
			return plain.DialContext(ctx, network, address)
		},
		DisableCompression:     true,
		DisableKeepAlives:      true, // documents are fetched hours apart
		MaxResponseHeaderBytes: maxHeaderBytes,
		TLSHandshakeTimeout:    connectTimeout,
		ResponseHeaderTimeout:  connectTimeout,
	}
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}

// forwardedFor begins the Forwarded header of a request that goes elsewhere than
// to the host of its URL.
const forwardedFor = `host="`
