// The body of an answer: read when the visitor takes more, counted as it leaves, cut when somebody wants that. Must never read
// ahead: a slow visitor of a large file costs no memory.

/**
 * @param {Blob} blob
 * @param {{ sent: (bytes: number) => void, ended: (how: "complete" | "aborted" | "failed") => void }} tell
 * @returns {{ stream: ReadableStream<Uint8Array>, abort: () => void }}
 */
export function body(blob, tell) {
  const reader = blob.stream().getReader();
  let cut;
  let isOver = false;
  /** Once, however many notice. @param {"complete" | "aborted" | "failed"} how */
  const end = (how) => {
    if (!isOver) tell.ended(how);
    isOver = true;
  };
  const stream = new ReadableStream(
    {
      start(controller) {
        cut = () => {
          controller.error(new DOMException("closed by whoever serves", "AbortError"));
          reader.cancel().catch(() => {});
          end("aborted");
        };
      },
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (isOver) return;
          if (done) {
            controller.close();
            end("complete");
          } else {
            tell.sent(value.byteLength);
            controller.enqueue(value);
          }
        } catch (error) {
          // The file is gone or has changed: the visitor's download breaks, so that he does not take it for the whole.
          controller.error(error);
          end("failed");
        }
      },
      cancel() {
        end("aborted");
        return reader.cancel();
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, abort: () => cut() };
}
