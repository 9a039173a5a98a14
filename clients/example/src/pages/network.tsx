import { listFollowersInfiniteOptions, listFollowingInfiniteOptions, listUsersInfiniteOptions } from "@codecave/api/query";
import { useInfiniteQuery } from "@tanstack/react-query";

import { useMe } from "../api";
import { List } from "../parts/list";
import { PersonCard } from "../parts/person";
import { Title } from "../parts/title";

export function Network({ userId }: { userId: string }) {
  const me = useMe();
  const path = { userId };
  const followers = useInfiniteQuery(listFollowersInfiniteOptions({ path }));
  const following = useInfiniteQuery(listFollowingInfiniteOptions({ path }));
  return (
    <>
      <Title>Network</Title>
      <div className="columns">
        <section aria-labelledby="followers">
          <h2 id="followers">Followers</h2>
          <List label="Followers" query={followers} empty="Nobody follows yet.">
            {(person) => <PersonCard person={person} />}
          </List>
        </section>
        <section aria-labelledby="following">
          <h2 id="following">Following</h2>
          <List label="Following" query={following} empty="Follows nobody yet.">
            {(person) => <PersonCard person={person} />}
          </List>
        </section>
      </div>
      {me?.id === userId && <Suggested />}
    </>
  );
}

function Suggested() {
  const suggested = useInfiniteQuery(listUsersInfiniteOptions({ query: { sort: "suggested", limit: 5 } }));
  return (
    <section aria-labelledby="suggested">
      <h2 id="suggested">Suggested to you</h2>
      <List label="Suggested to you" query={suggested} empty="There is nobody new.">
        {(person) => <PersonCard person={person} />}
      </List>
    </section>
  );
}
