// Command probe is what the containers of the tests run: it serves, waits,
// ends or prints, as its arguments say.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
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
	case "wait":
		<-stop
	case "print": // text for stdout, text for stderr
		fmt.Print(unescape(rest[0]))
		fmt.Fprint(os.Stderr, unescape(rest[1]))
		<-stop
	case "exit":
		code, err := strconv.Atoi(rest[0])
		if err != nil {
			panic(err)
		}
		exit(code, "leaving with "+rest[0])
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
	case "stat":
		if _, err := os.Stat(rest[0]); err != nil {
			exit(1, err.Error())
		}
	case "hang":
		time.Sleep(time.Hour)
	case "flood":
		fmt.Print(strings.Repeat("x", 1<<20), "the end\n")
		os.Exit(3)
	}
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
