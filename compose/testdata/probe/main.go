// Command probe is what the containers of the tests run: it serves, waits,
// ends or prints, as its arguments say.
package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	verb, rest := "wait", os.Args[1:]
	if len(rest) > 0 {
		verb, rest = rest[0], rest[1:]
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	switch verb {
	case "serve":
		http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, "%s %s", os.Getenv("VERSION"), os.Getenv("COLOR"))
		})
		go func() { exit(1, http.ListenAndServe(":3000", nil).Error()) }()
		<-stop
	case "serve-name": // answers with the container's own name
		http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
			name, err := os.Hostname()
			if err != nil {
				panic(err)
			}
			fmt.Fprint(w, name)
		})
		go func() { exit(1, http.ListenAndServe(":3000", nil).Error()) }()
		<-stop
	case "wait":
		<-stop
	case "print": // text for stdout, text for stderr
		fmt.Print(unescape(rest[0]))
		fmt.Fprint(os.Stderr, unescape(rest[1]))
		<-stop
	case "env": // the variable, as it is
		fmt.Printf("%s=%s\n", rest[0], os.Getenv(rest[0]))
		<-stop
	case "exit":
		code, err := strconv.Atoi(rest[0])
		if err != nil {
			panic(err)
		}
		exit(code, "leaving with "+rest[0])
	case "once": // appends what it is and what it was given to the file, and ends when the other one exists
		record(rest[0], "begin "+os.Getenv("MODE")+secret())
		for len(rest) > 1 {
			if _, err := os.Stat(rest[1]); err == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		record(rest[0], "end")
	case "grow": // takes 64 MiB and works at SIGHUP, or at once
		hup := make(chan os.Signal, 1)
		signal.Notify(hup, syscall.SIGHUP)
		go func() {
			if len(rest) == 0 {
				<-hup
			}
			for block := bytes.Repeat([]byte{1}, 64<<20); ; {
				sum := sha256.Sum256(block)
				block[0] = sum[0]
			}
		}()
		<-stop
	case "dial": // exits with 1 when nobody answers there
		conn, err := net.Dial("tcp", rest[0])
		if err != nil {
			exit(1, err.Error())
		}
		if err := conn.Close(); err != nil {
			exit(1, err.Error())
		}
	case "ask": // the URL, so many times: each different answer once, or "nobody" when the name is unknown
		fmt.Print(ask(rest[0], rest[1]))
	case "cat":
		f, err := os.Open(rest[0])
		if err != nil {
			exit(1, err.Error())
		}
		if _, err := io.Copy(os.Stdout, f); err != nil {
			exit(1, err.Error())
		}
		<-stop
	case "file": // makes the file, and removes it at SIGHUP
		if err := os.WriteFile(rest[0], nil, 0o644); err != nil {
			exit(1, err.Error())
		}
		hup := make(chan os.Signal, 1)
		signal.Notify(hup, syscall.SIGHUP)
		go func() {
			<-hup
			if err := os.Remove(rest[0]); err != nil {
				exit(1, err.Error())
			}
		}()
		<-stop
	case "nth": // ends with 0 from that call on
		n, err := strconv.Atoi(rest[0])
		if err != nil {
			panic(err)
		}
		record("/calls", "")
		calls, err := os.ReadFile("/calls")
		if err != nil || len(calls) < n {
			exit(1, fmt.Sprintf("call %d of %d", len(calls), n))
		}
	case "sha": // ends well if the file has that sum
		data, err := os.ReadFile(rest[0])
		if sum := fmt.Sprintf("%x", sha256.Sum256(data)); err != nil || sum != rest[1] {
			exit(1, fmt.Sprint("it has not: ", err))
		}
	case "stat":
		if _, err := os.Stat(rest[0]); err != nil {
			exit(1, err.Error())
		}
	case "spill": // the variable in a line, so many bytes after it, and an end with that code
		size, err := strconv.Atoi(rest[1])
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s\n%s", os.Getenv(rest[0]), strings.Repeat("z", size))
		code, err := strconv.Atoi(rest[2])
		if err != nil {
			panic(err)
		}
		os.Exit(code)
	case "long": // one line: so many bytes, the text, and so many bytes
		before, err := strconv.Atoi(rest[0])
		if err != nil {
			panic(err)
		}
		after, err := strconv.Atoi(rest[2])
		if err != nil {
			panic(err)
		}
		fmt.Print(strings.Repeat("y", before), rest[1], strings.Repeat("z", after), "\n")
		<-stop
	case "hang":
		time.Sleep(time.Hour)
	case "flood":
		fmt.Print(strings.Repeat("x", 1<<20), "the end\n")
		os.Exit(3)
	}
}

func ask(url, times string) string {
	n, err := strconv.Atoi(times)
	if err != nil {
		panic(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answers := map[string]bool{}
	for range n {
		res, err := client.Get(url)
		var unknown *net.DNSError
		if errors.As(err, &unknown) && unknown.IsNotFound {
			answers["nobody"] = true
			continue
		}
		if err != nil {
			exit(1, err.Error())
		}
		body, err := io.ReadAll(res.Body)
		if err = errors.Join(err, res.Body.Close()); err != nil {
			exit(1, err.Error())
		}
		answers[string(body)] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(answers)), ", ")
}

func record(path, line string) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		exit(1, err.Error())
	}
	if _, err := fmt.Fprintln(f, line); err != nil {
		exit(1, err.Error())
	}
	if err := f.Close(); err != nil {
		exit(1, err.Error())
	}
}

// secret is what the container was given, if anything.
func secret() string {
	data, err := os.ReadFile("/run/secrets/key")
	if err != nil {
		return ""
	}
	return " " + string(data)
}

func unescape(s string) string {
	out, err := strconv.Unquote(`"` + s + `"`)
	if err != nil {
		panic(err)
	}
	return out
}

func exit(code int, text string) {
	fmt.Println(text)
	os.Exit(code)
}
