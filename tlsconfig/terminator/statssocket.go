// SPDX-License-Identifier: Apache-2.0

package terminator

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
	"github.com/nrlsecurity/nrlsecurity/internal/record"
	"github.com/nrlsecurity/nrlsecurity/internal/regular"
)

// StatsSocket returns a Hook that gives the file to HAProxy over its stats socket,
// a unix socket at an absolute path with "level admin", which takes neither a reload
// nor a connection. The file is named as in HAProxy's configuration. Each answer is
// read, and HAProxy is asked what it understood, before and after it goes by it.
//
// What does not fit into HAProxy's buffer, of tune.bufsize octets (16,384 if it is not
// set), it cuts off without a word. For a larger file, and for whatever else goes wrong,
// reload is called instead and the logger is told why; nil: that is an error. It should
// be one after which the new process takes the sockets over ("expose-fd listeners", or the
// master-worker mode), so that no connection is lost. An answer that is not complete
// after 5 s has gone wrong, so that time is left for the reload.
func StatsSocket(path string, reload Hook, logger *slog.Logger) Hook {
	return (&statsSocket{path: path, each: answerTimeout}).hook(reload, logger)
}

type statsSocket struct {
	path string
	each time.Duration // bounds each answer
	late bounded.Late  // records that are not waited for any more
}

const (
	answerTimeout = 5 * time.Second

	// maxAnswer bounds the octets of an answer.
	maxAnswer = 4 << 20
)

func (s *statsSocket) hook(reload Hook, logger *slog.Logger) Hook {
	return func(ctx context.Context, file string) error {
		err := s.replace(ctx, file)
		if err == nil || reload == nil || ctx.Err() != nil {
			return err
		}
		record.Writer{Logger: logger, Late: &s.late}.Write(ctx, slog.LevelWarn, "HAProxy is reloaded, because its stats socket is of no use",
			slog.String("file", file), slog.Any("error", err))
		return reload(ctx, file)
	}
}

// ask sends one command and returns the answer, without the blank lines that end it.
func (s *statsSocket) ask(ctx context.Context, command string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.each)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", s.path)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if _, err := io.WriteString(conn, command+"\n"); err != nil {
		return "", errors.Join(ctx.Err(), err)
	}
	answer, err := io.ReadAll(io.LimitReader(conn, maxAnswer+1))
	if err != nil {
		return "", errors.Join(ctx.Err(), err)
	}
	if len(answer) > maxAnswer {
		return "", fmt.Errorf("it answers more than %d octets", maxAnswer)
	}
	return strings.TrimSpace(string(answer)), nil
}

// expect is ask for a command whose answer must match.
func (s *statsSocket) expect(ctx context.Context, command string, wanted *regexp.Regexp) (string, error) {
	answer, err := s.ask(ctx, command)
	if err != nil {
		return "", fmt.Errorf("HAProxy, asked to %s: %w", firstLine(command), err)
	}
	if !wanted.MatchString(answer) {
		if answer == "" {
			answer = "nothing"
		}
		return "", fmt.Errorf("HAProxy, asked to %s, answered %s", firstLine(command), strconv.QuoteToASCII(answer[:min(len(answer), 200)]))
	}
	return answer, nil
}

func firstLine(command string) string {
	line, _, _ := strings.Cut(command, "\n")
	return strings.TrimSuffix(line, " <<")
}

var (
	poolOfBuffers = regexp.MustCompile(`(?m)^\s*- Pool buffer \((\d+) bytes\)`)
	created       = regexp.MustCompile(`^(?i:transaction (created|updated) for CRL) `)
	success       = regexp.MustCompile(`(?m)^Success!$`)
	anything      = regexp.MustCompile(`.`)
	shownList     = regexp.MustCompile(`(?m)^Certificate Revocation List #\d+:$`)
	shownUpdate   = regexp.MustCompile(`(?m)^ *Last Update: (.*)$`)
	shownSerial   = regexp.MustCompile(`(?m)^ *Serial Number: ([0-9A-F]+)$`)
)

// replace has HAProxy go by the file.
func (s *statsSocket) replace(ctx context.Context, file string) error {
	if !plainPath.MatchString(file) {
		return fmt.Errorf("%q cannot be named on HAProxy's stats socket", file)
	}
	pools, err := s.expect(ctx, "show pools", poolOfBuffers)
	if err != nil {
		return err
	}
	buffer, err := strconv.ParseUint(poolOfBuffers.FindStringSubmatch(pools)[1], 10, 31)
	if err != nil {
		return err
	}
	data, err := readBeginning(file, int64(buffer))
	if err != nil {
		return err
	}
	set := "set ssl crl-file " + file + " <<\n" + string(data)
	if len(set)+2 > int(buffer) { // the blank line that ends it
		return fmt.Errorf("HAProxy's buffer has %d octets, too few for the CRL file", buffer)
	}
	if bytes.Contains(data, []byte("\n\n")) {
		return errors.New("the file has a blank line, which HAProxy takes for its end")
	}
	sent, err := listsOfPEM(data)
	if err != nil {
		return err
	}
	if len(sent) == 0 {
		return errors.New("the file has no list")
	}
	abort := "abort ssl crl-file " + file
	if _, err := s.ask(ctx, abort); err != nil { // what another left, if there is any
		return err
	}
	err = s.transact(ctx, file, set, sent)
	if err != nil {
		_, _ = s.ask(ctx, abort)
	}
	return err
}

func (s *statsSocket) transact(ctx context.Context, file, set string, sent []*x509.RevocationList) error {
	if _, err := s.expect(ctx, set, created); err != nil {
		return err
	}
	if err := s.compare(ctx, "*"+file, sent); err != nil {
		return err
	}
	if _, err := s.expect(ctx, "commit ssl crl-file "+file, success); err != nil {
		return err
	}
	return s.compare(ctx, file, sent)
}

// compare asks for what HAProxy has under a name, which must be the lists that were
// sent. Of a list with many entries it shows the first.
func (s *statsSocket) compare(ctx context.Context, name string, sent []*x509.RevocationList) error {
	answer, err := s.expect(ctx, "show ssl crl-file "+name, anything)
	if err != nil {
		return err
	}
	starts := shownList.FindAllStringIndex(answer, -1)
	if len(starts) != len(sent) {
		return fmt.Errorf("HAProxy understood %d of %d lists", len(starts), len(sent))
	}
	for i, l := range sent {
		text := answer[starts[i][0]:]
		if i+1 < len(starts) {
			text = answer[starts[i][0]:starts[i+1][0]]
		}
		if !shows(text, l) {
			return fmt.Errorf("HAProxy understood another list than %s of %s", l.Issuer, stamp(l.ThisUpdate))
		}
	}
	return nil
}

// shows reports whether HAProxy's description is that of a list, as far as it goes.
func shows(text string, l *x509.RevocationList) bool {
	at := shownUpdate.FindStringSubmatch(text)
	if at == nil {
		return false
	}
	const layout = "Jan _2 15:04:05 2006 MST"
	if t, err := time.Parse(layout, at[1]); err != nil || !t.Equal(l.ThisUpdate) {
		return false
	}
	serials := shownSerial.FindAllStringSubmatch(text, -1)
	if len(serials) > len(l.RevokedCertificateEntries) || len(serials) == 0 && len(l.RevokedCertificateEntries) > 0 {
		return false
	}
	for i, shown := range serials {
		want := fmt.Sprintf("%X", l.RevokedCertificateEntries[i].SerialNumber)
		has := cmp.Or(strings.TrimLeft(shown[1], "0"), "0")
		cut := i == len(serials)-1 && i < len(l.RevokedCertificateEntries)-1
		if has != want && !(cut && strings.HasPrefix(want, has)) {
			return false
		}
	}
	return true
}

// readBeginning returns at most so many octets of a file.
func readBeginning(name string, most int64) ([]byte, error) {
	file, err := regular.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, most))
}

func listsOfPEM(data []byte) (lists []*x509.RevocationList, err error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		l, err := x509.ParseRevocationList(block.Bytes)
		if err != nil {
			return nil, err
		}
		lists = append(lists, l)
	}
	return lists, nil
}
