import type { Author, PublicUser } from "@codecave/api";
import { followUserMutation, unfollowUserMutation } from "@codecave/api/query";
import { useMutation } from "@tanstack/react-query";
import { Link } from "wouter";

import { useMe } from "../api";
import { count } from "./count";
import { Failure } from "./failure";

export function Picture({ person }: { person: Author | PublicUser }) {
  const address = person.avatar ?? person.image;
  return address ? <img src={address} alt="" width={48} height={48} /> : null;
}

/** A person in a list. */
export function PersonCard({ person }: { person: PublicUser }) {
  return (
    <article>
      <Picture person={person} />
      <h3>
        <Link href={`/people/${person.id}`}>{person.name}</Link>
      </h3>
      <p>{person.bio}</p>
      <p className="meta">
        {person.location && <span>{person.location}</span>}
        <span>{count(person.followersCount, "follower")}</span>
        {person.skills.map((skill) => (
          <span key={skill}>{skill}</span>
        ))}
      </p>
      <FollowButton person={person} />
    </article>
  );
}

export function FollowButton({ person }: { person: Pick<PublicUser, "id" | "isFollowing" | "name"> }) {
  const me = useMe();
  const follow = useMutation(followUserMutation());
  const unfollow = useMutation(unfollowUserMutation());
  if (me?.id === person.id) {
    return null;
  }
  const { mutate } = person.isFollowing ? unfollow : follow;
  return (
    <>
      <button
        aria-pressed={person.isFollowing}
        disabled={follow.isPending || unfollow.isPending}
        onClick={() => mutate({ path: { userId: person.id } })}
      >
        {person.isFollowing && <span aria-hidden="true">✓ </span>}Follow {person.name}
      </button>
      <Failure error={follow.error ?? unfollow.error} />
    </>
  );
}
