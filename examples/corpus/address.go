// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/testdata"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/probe"
)

const (
	timeout    = 30 * time.Second
	maxAnswer  = 1 << 20
	sspFQDN    = "msg.int.spine2.corpus.nhs.uk"
	carrierNRL = "nrl: a read by the system whose certificate has the SSP's name"
	carrierSSP = "provider: a retrieval through the SSP"
)

// errUnreachable is a server to which there is no connection.
var errUnreachable = errors.New("the server cannot be reached")

// An answer is what a server said to a request.
type answer struct {
	status                int
	location, contentType string
	body                  []byte
}

// An address is a server that is asked over the network.
type address struct {
	addr, server string
	native       bool
	now          func() time.Time
	carrier      *testdata.Request // a good request, to show a certificate with
	reader       *testdata.Request // a good read
	maintainer   *testdata.Request // a good request of who may change pointers
	usual        *testdata.Certificate
	run          string // tells this run's pointers from another's
}

func newAddress(addr, server string, native bool, now func() time.Time) (*address, error) {
	a := &address{addr: addr, server: server, native: native, now: now, run: now().UTC().Format("20060102150405")}
	cases := testdata.Cases()
	for i := range cases {
		switch c := &cases[i]; {
		case c.Name == carrierNRL && server == "nrl", c.Name == carrierSSP && server == "provider":
			a.carrier = c.Request
		case c.Name == "client: the FQDN in the common name alone, as the Spine issues":
			a.usual = c.Certificate
		case c.Name == "nrl: a read by a professional":
			a.reader = c.Request
		case c.Name == "nrl: a delete by a provider":
			a.maintainer = c.Request
		}
	}
	if a.carrier == nil || a.usual == nil || a.reader == nil || a.maintainer == nil {
		return nil, errors.New("the corpus lacks the requests that others are made of")
	}
	return a, nil
}

func (a *address) ask(ctx context.Context, c *testdata.Case) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	switch {
	case c.Certificate != nil:
		return a.askCertificate(ctx, c)
	case c.Offer != nil:
		return a.askOffer(ctx, c.Offer)
	case c.Request != nil:
		return a.askRequest(ctx, c)
	case c.Change != nil && a.server == "nrl":
		return a.askChange(ctx, c.Change)
	}
	return errNotAsked
}

// askCertificate shows a client's certificate with a good request. Only such as can be
// judged by the usual pins and lists, and now as then.
func (a *address) askCertificate(ctx context.Context, c *testdata.Case) error {
	k := c.Certificate
	sameLists := len(k.CRLs) == len(a.usual.CRLs) && k.CRLs[0] == a.usual.CRLs[0]
	if k.Usage != "client" || k.Roots != a.usual.Roots || k.SubCAs != a.usual.SubCAs || !sameLists || len(k.FQDNs) != 1 || c.Clause == boundary(c) {
		return errNotAsked
	}
	certificate, err := keyPair(k.Chain, k.Key)
	if err != nil && c.Rule != "no-certificate" {
		return errNotAsked // such as a key that this end cannot use
	}
	got, err := a.send(ctx, certificate, a.carrier, "")
	switch {
	case err != nil && (errors.Is(err, errUnreachable) || ctx.Err() != nil): // which is no refusal
		return err
	case c.Verdict == testdata.Accept && err != nil:
		return err
	case c.Verdict == testdata.Accept && !served(got.status), c.Verdict == testdata.Refuse && err == nil && !got.refusesCertificate():
		return fmt.Errorf("the request was answered with %d %s", got.status, got.contentType)
	}
	return nil
}

// refusesCertificate reports whether the answer is about the client's certificate. With
// 400, in HTML, nginx and Apache tell of one; in another format, such as JSON, it is about the
// request, which a server looks at once it has accepted the certificate. 495 and 496 are
// nginx' own statuses of them.
func (a *answer) refusesCertificate() bool {
	switch a.status {
	case http.StatusForbidden, 495, 496:
		return true
	case http.StatusBadRequest:
		mediaType, _, _ := mime.ParseMediaType(a.contentType)
		return mediaType == "text/html"
	}
	return false
}

// boundary returns the clause of a case about the last or first second of validity,
// which is another one now.
func boundary(c *testdata.Case) string {
	for _, about := range []string{" second of its validity", "not valid for a second yet"} {
		if strings.Contains(c.Name, about) {
			return c.Clause
		}
	}
	return ""
}

// served reports whether a request was let pass: the server may lack what it asks
// for.
func served(status int) bool { return status < 300 || status == http.StatusNotFound }

func keyPair(chain, key string) (tls.Certificate, error) {
	certs, err := testdata.FS.ReadFile(chain)
	if err != nil {
		return tls.Certificate{}, err
	}
	private, err := testdata.FS.ReadFile(key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(certs, private)
}

func (a *address) askOffer(ctx context.Context, o *testdata.Offer) error {
	prober := &probe.Prober{ServerName: a.server + ".corpus.nhs.uk", Timeout: timeout}
	version, suite, err := prober.Offer(ctx, a.addr, o.Codes(), o.Suites)
	want := o.Chosen
	if a.native {
		want = o.Native
	}
	switch {
	case err != nil:
		return err
	case suite != want:
		return fmt.Errorf("the server chose suite %04X in place of %04X", suite, want)
	case suite != 0 && version != tls.VersionTLS12:
		return fmt.Errorf("the server chose version %04X", version)
	}
	return nil
}

func (a *address) askRequest(ctx context.Context, c *testdata.Case) error {
	r := c.Request
	if r.Server != a.server || r.Version != "" || r.Registry == "" || r.Protocol != "" || len(r.Endpoints) > 0 {
		return errNotAsked
	}
	got, err := a.sendAs(ctx, r, "")
	if err != nil {
		return err
	}
	if r.Status != 0 {
		return r.Answered(got.status, got.body)
	}
	if served(got.status) {
		return nil
	}
	// What has no body here may be refused for that, but not for who asks.
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	for _, code := range []string{"MISSING_OR_INVALID_HEADER", "ASID_CHECK_FAILED", "ACCESS_DENIED"} {
		if reads || bytes.Contains(got.body, []byte(code)) {
			return fmt.Errorf("was refused with %d: %.300s", got.status, got.body)
		}
	}
	return nil
}

// sendAs sends a request with the certificate of the system that it is from.
func (a *address) sendAs(ctx context.Context, r *testdata.Request, body string) (answer, error) {
	certificate, err := keyPair("certificates/systems/"+r.FQDN+".pem", "keys/leaf.pem")
	if err != nil {
		return answer{}, errNotAsked
	}
	return a.send(ctx, certificate, r, body)
}

// send makes a connection with the certificate and sends one request, octet by
// octet as the case has it.
func (a *address) send(ctx context.Context, certificate tls.Certificate, r *testdata.Request, body string) (answer, error) {
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", a.addr)
	if err != nil {
		return answer{}, fmt.Errorf("%w: %w", errUnreachable, err)
	}
	defer raw.Close()
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	conn := tls.Client(raw, &tls.Config{
		MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, ServerName: a.server + ".corpus.nhs.uk",
		InsecureSkipVerify:   true, // it is the server that is judged, by what it does with this end
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certificate, nil },
	})
	if err := conn.HandshakeContext(ctx); err != nil {
		return answer{}, err
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s %s HTTP/1.1\r\nHost: %s.corpus.nhs.uk\r\n", r.Method, r.Target, a.server)
	accepts := false
	for _, h := range r.Headers {
		value := h[1]
		if strings.EqualFold(h[0], "Authorization") {
			value = a.moved(value, r.At)
		}
		accepts = accepts || strings.EqualFold(h[0], "Accept")
		fmt.Fprintf(&out, "%s: %s\r\n", h[0], value)
	}
	if !accepts {
		out.WriteString("Accept: application/fhir+json\r\n")
	}
	switch {
	case len(r.Trailers) > 0:
		out.WriteString("Transfer-Encoding: chunked\r\n")
		for _, h := range r.Trailers {
			fmt.Fprintf(&out, "Trailer: %s\r\n", h[0])
		}
	case body != "" || r.Method == http.MethodPost || r.Method == http.MethodPatch:
		fmt.Fprintf(&out, "Content-Length: %d\r\n", len(body))
	}
	out.WriteString("Connection: close\r\n\r\n")
	if len(r.Trailers) > 0 {
		body = chunked(body, r.Trailers)
	}
	out.WriteString(body)
	if _, err := conn.Write(out.Bytes()); err != nil {
		return answer{}, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: r.Method})
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	said, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return answer{response.StatusCode, response.Header.Get("Location"), response.Header.Get("Content-Type"), said}, err
}

// chunked is a body in HTTP/1.1's chunks, with what follows it (RFC 9112 section 7.1).
func chunked(body string, trailers [][2]string) string {
	var out strings.Builder
	if body != "" {
		fmt.Fprintf(&out, "%x\r\n%s\r\n", len(body), body)
	}
	out.WriteString("0\r\n")
	for _, h := range trailers {
		fmt.Fprintf(&out, "%s: %s\r\n", h[0], h[1])
	}
	return out.String() + "\r\n"
}
