import { defer, finalize, type Observable, ReplaySubject, share, timer } from 'rxjs';
import { type Channel, openChannel } from './channel';
import { type LiveState, Reader } from './reader';

/** How long a channel stays open after its last viewer, ms: a refresh leaves it and comes back. */
const LINGER_MS = 15_000;
/** How long what a closed channel has told is kept, ms: a slow answer comes back later. */
const KEEP_MS = 60_000;

/** The channels of a data source, each subscribed to once, with what they have told. */
export class LiveChannels {
  private readonly known = new Map<string, Observable<LiveState>>();

  constructor(private readonly uid: string) {}

  /** What the channel has told so far, at once, and from then on with every message. */
  get(channel: Channel): Observable<LiveState> {
    const { path } = channel;
    let states = this.known.get(path);
    if (!states) {
      states = this.shared(channel);
      this.known.set(path, states);
    }
    return states;
  }

  private shared(channel: Channel): Observable<LiveState> {
    const reader = new Reader();
    let forgetting: ReturnType<typeof setTimeout> | undefined;
    return defer(() => {
      clearTimeout(forgetting);
      return openChannel(this.uid, channel, reader);
    }).pipe(
      finalize(() => {
        forgetting = setTimeout(() => this.known.delete(channel.path), KEEP_MS);
      }),
      share({ connector: () => new ReplaySubject<LiveState>(1), resetOnRefCountZero: () => timer(LINGER_MS) })
    );
  }
}
