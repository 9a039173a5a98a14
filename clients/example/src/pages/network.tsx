import { listFollowersInfiniteOptions, listFollowingInfiniteOptions } from "@codecave/api/query";
import { useInfiniteQuery } from "@tanstack/react-query";

import { List } from "../parts/list";
import { PersonCard } from "../parts/person";
import { Title } from "../parts/title";

export function Network({ userId }: { userId: string }) {
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
    </>
  );
}
